"""The PV server with the Java library of Phoebus and the Archiver Appliance (CAJ)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CLIENT = Path(__file__).parents[1] / "java" / "CajClient.java"
DEADLINE = 120  # [s] for a Java machine to start, compile and end; alone: 3 s
QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")  # for a program so short

SEEN = """
Flow type: DBR_DOUBLE
Flow count: 1
Flow rights: true false
Limit type: DBR_DOUBLE
Limit count: 1
Limit rights: true true
Valve type: DBR_ENUM
Valve count: 1
Valve rights: true true
Wave type: DBR_DOUBLE
Wave count: 1000000
Wave rights: true true
Title type: DBR_STRING
Title count: 1
Title rights: true true
Wave.[2:5] type: DBR_DOUBLE
Wave.[2:5] count: 4
Wave.[2:5] rights: true true
Flow value: 1 of 81.5
Flow units: l/min
Flow precision: 3
Flow alarm: MINOR_ALARM HIGH_ALARM
Flow display: 0.0 100.0
Flow limits: 80.0 95.0
Limit limits: 0.0 10.0
Valve labels: Closed Open Stuck
put 4.5: NORMAL
put 11: PUTFAIL
Limit value: 1 of 4.5
put Open: NORMAL
put Stuck: PUTFAIL
put Purple: PUTFAIL
Valve value: 1 of Open
put text: NORMAL
Note value: true
variable first: 5 of 0.0 1.0 2.0 3.0 4.0
three first: 3 of 0.0 1.0 2.0
whole first: 1000000 of 0.0 1.0 2.0 3.0 4.0 ... 0.0
part first: 3 of 2.0 3.0 4.0
put whole: NORMAL
variable then: 1000000 of 0.5 1.5 2.5 3.5 4.5 ... 999999.5
three then: 3 of 0.5 1.5 2.5
whole then: 1000000 of 0.5 1.5 2.5 3.5 4.5 ... 999999.5
part then: 4 of 2.5 3.5 4.5 5.5
"""


def library() -> Path:
    """The library that `make test` fetches; without it skip, but fail in CI."""
    found = sorted(Path(sys.prefix, "java").glob("jca-*.jar"))
    if found and shutil.which("javac"):
        return found[-1]
    missing = "no Java client: `make test` fetches it, and says which packages it needs"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


def command(ioc: Any, *options: str) -> list[str]:
    return ["java", *QUICK, "-cp", str(library()), str(CLIENT), ioc.prefix, *options]


@pytest.mark.timeout(DEADLINE + 60)
def test_a_java_client_reads_monitors_and_puts(ioc: Any) -> None:
    done = subprocess.run(
        command(ioc),
        env=ioc.environ,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == SEEN.strip().splitlines()


@pytest.mark.timeout(DEADLINE + 60)
def test_a_java_client_is_answered_again_after_a_hang(make_ioc: Any) -> None:
    ioc = make_ioc()
    with subprocess.Popen(
        command(ioc, "hang"), env=ioc.environ, stdout=subprocess.PIPE, text=True
    ) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "first: 1 of 81.5\n"
        ioc.process.send_signal(signal.SIGSTOP)
        assert client.stdout.readline() == "connected: false\n"
        ioc.process.send_signal(signal.SIGCONT)
        assert client.stdout.read().splitlines() == [
            *("connected: true", "then: 1 of 81.5", "put: NORMAL", "more events: 0"),
        ]
