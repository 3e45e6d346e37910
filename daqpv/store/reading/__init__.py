"""Reads runs, events and settings from the store."""
