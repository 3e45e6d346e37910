"""Commands on a file alone: ``init``, ``check``, ``pvs``."""
