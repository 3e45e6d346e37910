"""Exports and imports the records of an experiment as one file."""
