"""Declares the kinds of records that the store keeps, and their tables."""
