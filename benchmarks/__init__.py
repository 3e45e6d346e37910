"""Measures the figures that daqpv must reach, from outside; see README.md."""
