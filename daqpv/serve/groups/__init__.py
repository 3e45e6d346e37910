"""Groups: the PVs of one device, declared as a table."""
