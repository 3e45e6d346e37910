"""Examines instruments that nobody serves: daqpv doctor."""
