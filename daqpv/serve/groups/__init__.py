"""Groups: the PVs of one device, declared in a table."""
