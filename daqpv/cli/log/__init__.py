"""``daqpv log``: prints events, for people and for programs."""
