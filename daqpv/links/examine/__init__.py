"""Examines what a connection needs of this computer: ports, names, the clock."""
