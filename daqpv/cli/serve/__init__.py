"""``daqpv serve``: the IOCs of an experiment."""
