"""``daqpv doctor``: examines instruments without serving them."""
