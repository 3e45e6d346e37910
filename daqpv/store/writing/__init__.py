"""Writes records to the store, or to the spool while the store is away."""
