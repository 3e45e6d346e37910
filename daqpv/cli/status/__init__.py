"""``daqpv status``: the devices of a file on one screen."""
