"""What is read from the store: runs, events, settings."""
