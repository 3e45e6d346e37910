"""``daqpv instrument``: descriptions of instruments, and a first contact."""
