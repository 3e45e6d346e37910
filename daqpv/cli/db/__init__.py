"""``daqpv db``: the store, seen from outside of the IOCs."""
