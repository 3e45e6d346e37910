"""``daqpv serve``: serves the PVs of an experiment."""
