"""Instruments whose values are topics of an MQTT broker."""
