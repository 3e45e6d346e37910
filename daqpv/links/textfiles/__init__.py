"""Follows text files that loggers append to."""
