"""``daqpv db``: commands on the store, apart from ``daqpv serve``."""
