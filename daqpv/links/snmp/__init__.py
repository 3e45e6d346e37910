"""SNMP agents: crates, power switches, UPS, network devices."""
