"""One running daqpv process: builds the devices of an experiment and serves them."""

from daqpv.app.app import App

__all__ = ["App"]
