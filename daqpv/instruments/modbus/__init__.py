"""Modbus without I/O: where values stand, how they are coded, what is asked for them.

The link to devices and the simulator share it.
"""
