"""Reads times as they are written in files and answers."""

from daqpv.instruments.parsing.times.reading import Times

__all__ = ["Times"]
