"""The channels of an instrument: from what it sends to readings with alarms."""
