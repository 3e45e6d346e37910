"""``python -m daqpv``: the command, without its script."""

from daqpv.cli import main

main(prog_name="daqpv")
