"""The Channel Access client: PVs of other servers."""
