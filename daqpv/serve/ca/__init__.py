"""The Channel Access protocol: wire format, circuits, searches, beacons."""
