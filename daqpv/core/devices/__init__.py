"""Devices: commands go in, snapshots come out."""
