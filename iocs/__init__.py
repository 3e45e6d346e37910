"""The PVs of each kind of device, one module per kind, each with its build()."""
