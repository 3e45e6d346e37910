"""Connections to instruments that speak in lines: TCP, UDP, serial lines, VISA."""
