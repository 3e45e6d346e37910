"""Instruments: their values, settable channels, and how they are spoken to."""
