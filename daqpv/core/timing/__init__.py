"""Clocks, schedules and pulses."""
