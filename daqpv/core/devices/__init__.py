"""The base classes of devices: they take commands and give snapshots."""
