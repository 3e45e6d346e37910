"""Benchmarks of PV servers: PVs to serve, and measurements of any server.

`ioc` serves through the same code as every IOC; `measure` measures the server of a
prefix, in any implementation.
"""
