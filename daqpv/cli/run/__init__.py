"""``daqpv runs``: the runs of an experiment."""
