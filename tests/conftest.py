"""Tests run as users do: without the variables that change how Python runs.

With PYTHONUNBUFFERED, for example, nothing is left to write when a process ends.
"""

import os

for _name in [name for name in os.environ if name.startswith("PYTHON")]:
    del os.environ[_name]
