"""docs/alarms.md has each PV that can be in alarm, and no other."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

PAGE = Path(__file__).parents[2] / "docs" / "alarms.md"


def daqpv(*command: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "daqpv", *command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_each_pv_that_can_be_in_alarm_is_on_the_page(tmp_path: Path) -> None:
    names = (
        "--experiment x --prefix AT: --first-ip 10.0.0.1 --mutant 10.0.0.9 --ssh daq"
    )
    daqpv("init", "--cobos", "2", *names.split(), folder=tmp_path)
    tree = ElementTree.fromstring(
        daqpv("pvs", "x.yaml", "--format", "alarm", folder=tmp_path)
    )
    pvs = [pv.attrib["name"].split(":") for pv in tree.iter("pv")]
    served = {(parts[1], parts[-1]) for parts in pvs}
    on_page = set(re.findall(r"^\| (\w+) (\w+) \|", PAGE.read_text(), re.MULTILINE))
    assert served == on_page
