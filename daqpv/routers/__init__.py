"""Data routers: what takes the data of the boards and writes them to disk."""

from daqpv.routers.settings import RouterSettings, RouterType, Watch

__all__ = ["RouterSettings", "RouterType", "Watch"]
