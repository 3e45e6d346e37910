"""PVs over Channel Access, as a client."""
