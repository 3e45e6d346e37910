"""Commands on the runs of an experiment (``daqpv runs``)."""
