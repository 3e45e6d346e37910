"""The PVs of instruments: their group, settable channels, and their examination."""
