"""Channel Access: the wire, circuits, searches, beacons."""
