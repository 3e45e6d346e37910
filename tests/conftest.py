"""Tests run as users do, and on a machine that may stand still for seconds."""

import os

from hypothesis import HealthCheck, settings

# With PYTHONUNBUFFERED, for example, nothing is left to write when a process ends
for _name in [name for name in os.environ if name.startswith("PYTHON")]:
    del os.environ[_name]

# How long an example takes says nothing of what is tested
settings.register_profile(
    "daqpv", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("daqpv")
