"""Reads values from what instruments send, and writes commands; without I/O."""

from daqpv.instruments.parsing.checksums import Checksum, checksum
from daqpv.instruments.parsing.pattern import Pattern
from daqpv.instruments.parsing.times import Times
from daqpv.instruments.parsing.values import Value

__all__ = ["Checksum", "Pattern", "Times", "Value", "checksum"]
