"""Simulators of the outside."""
