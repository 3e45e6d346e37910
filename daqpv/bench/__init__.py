"""Figures of PV servers: what to serve for them, and how to measure any server.

`ioc` serves through the same code as every IOC; `measure` asks a server under a prefix,
whoever wrote it.
"""
