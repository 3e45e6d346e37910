"""Commands that need only a file: ``init``, ``check``, ``pvs``."""
