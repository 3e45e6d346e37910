"""One PV: its value, its alarm, its fields, its filters, its events."""
