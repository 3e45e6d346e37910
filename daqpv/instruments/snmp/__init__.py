"""SNMP messages as bytes: shared by the driver and the simulator."""
