"""The instrument itself: its snapshot, and what changes it."""
