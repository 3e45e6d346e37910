"""Simulators: ``demo``, ``simulate``, ``sim``."""
