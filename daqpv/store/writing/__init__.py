"""The writer of records, and where records wait until the store takes them."""
