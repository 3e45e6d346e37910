"""One running daqpv process: builds the devices of an experiment and serves them."""

from daqpv.app.app import App
from daqpv.app.site import Remote

__all__ = ["App", "Remote"]
