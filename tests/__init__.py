"""Tests of daqpv: unit, integration, e2e; what they share is in `support`."""
