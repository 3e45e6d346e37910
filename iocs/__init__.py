"""One module per kind of device: its PVs as a table, and its build()."""
