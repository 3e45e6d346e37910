"""Commands on any PV: ``get``, ``put``, ``monitor``."""
