"""Defines the tables of the store, their versions, and the engines."""
