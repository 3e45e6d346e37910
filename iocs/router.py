"""The data routers, as far as the data links of ECC servers name them."""

from __future__ import annotations

from daqpv.config import Kind
from daqpv.routers.settings import RouterSettings

KIND = Kind(section="routers", settings=RouterSettings, build=None)
