"""An experiment's data acquisition as EPICS process variables."""

__version__ = "0.1.0"
