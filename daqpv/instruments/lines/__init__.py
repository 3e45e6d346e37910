"""Instruments that speak in lines: what is said, and what the answers mean."""
