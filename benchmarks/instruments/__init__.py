"""Benchmarks of instruments: polls, streams, dead devices, a serial line."""
