"""``daqpv log``: events, for people and for programs."""
