"""How ``daqpv serve`` begins: what it says, what it serves, on which ports."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from daqpv import __version__
from daqpv.errors import DaqError
from daqpv.links.ca import pv as links_pv
from tests.support.experiment import CA_PORT
from tests.support.waiting import until


@pytest.fixture
def started_lab(lab: Any) -> Iterator[Any]:
    """As lab, but daqpv is started and not forked."""
    lab.popen = subprocess.Popen
    yield lab
    del lab.popen


def test_the_ready_line_says_how_many_pvs_where(started_lab: Any) -> None:
    lab = started_lab
    ready = lab.serve().ready()
    form = f"ready: (\\d+) PVs under {lab.prefix}, CA port {CA_PORT}"
    match = re.fullmatch(form, ready)
    assert match, ready
    lab.client("main", kind="IOC").until("RECORD_CNT", match[1])


def test_what_happens_is_printed_with_who_did_it(lab: Any, cobo: Any) -> None:
    served = lab.serve()
    cobo.until("Online", "Online")
    cobo.put("State", "Described")
    form = r"^\d\d:\d\d:\d\d CoBo0: Idle -> Described  \[\S+@\S+\]$"
    until(lambda: re.search(form, served.text, re.MULTILINE), lambda: served.text)


def test_quiet_is_the_ready_line_alone(lab: Any, cobo: Any) -> None:
    served = lab.serve("--quiet")
    cobo.until("Online", "Online")
    cobo.put("State", "Described")
    ready = served.ready()
    served.end()
    assert served.lines == [ready]


def test_what_happens_is_in_the_log_with_who_did_it(lab: Any, cobo: Any) -> None:
    served = lab.serve()
    cobo.until("Online", "Online")
    cobo.put("State", "Described")
    served.end()
    log = (lab.folder / "exp.log").read_text()
    stamp, who = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", r"by \S+@\S+"
    for event in (
        rf"{stamp} information ECC:CoBo0 online: CoBo0 answers: Idle",
        rf"{stamp} information ECC:CoBo0 state: CoBo0: Idle -> Described {who} .*",
        rf"{stamp} information ECC:CoBo0 command: Go to Described: done in .* {who} .*",
    ):
        assert re.search(rf"^{event}$", log, re.MULTILINE), log


def test_the_log_says_when_it_began_and_ended(lab: Any) -> None:
    served = lab.serve()
    ready = served.ready()
    served.end()
    log = (lab.folder / "exp.log").read_text()
    what = ready.removeprefix("ready: ")
    assert f" information - start: daqpv {__version__} serves {what}\n" in log
    assert " information - end: daqpv ends\n" in log


def test_only_what_is_wished_is_served(lab: Any) -> None:
    lab.serve("--only", "ecc.CoBo1", "--name", "left")
    assert lab.client("CoBo1").get("Role") == "all"
    assert lab.client("left", kind="IOC").get("Simulated") == "No"
    with pytest.raises(DaqError):
        links_pv.get(f"{lab.prefix}ECC:CoBo0:Role", timeout=0.5)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            ("--only", "ecc.Cobo0"),
            "--only ecc.Cobo0: no such device or section, did you mean 'ecc.CoBo0'?",
        ),
        (
            ("--name", "a b"),
            "--name a b: it becomes part of PV names, so wanted is a letter and then "
            "at most 23 letters, digits, '_' or '-'",
        ),
    ],
)
def test_an_option_that_makes_no_sense_is_told_in_one_line(
    lab: Any, start: Callable[..., Any], options: tuple[str, ...], says: str
) -> None:
    refused = start("serve", lab.file.name, *options, cwd=lab.folder)
    assert (refused.wait(), refused.lines) == (2, [says])


@pytest.mark.parametrize(
    ("path", "why"),
    [("nosuch/exp.log", "No such file or directory"), (".", "Is a directory")],
)
def test_a_log_that_cannot_be_written_is_told_in_one_line(
    lab: Any, start: Callable[..., Any], path: str, why: str
) -> None:
    lab.file.write_text(f"{lab.file.read_text()}log: {{file: {path}}}\n")
    refused = start("serve", lab.file.name, cwd=lab.folder)
    place = (lab.folder / path).resolve()
    assert (refused.wait(), refused.lines) == (
        2,
        [f"{place}: the log cannot be written: {why}"],
    )


def test_a_pv_with_too_long_a_name_is_a_problem_at_its_line(
    lab: Any, start: Callable[..., Any]
) -> None:
    text = lab.file.read_text().replace(lab.prefix, "A_prefix_of_30_characters____:")
    lab.file.write_text(text.replace("CoBo1:", "A_name_of_24_characters_:"))
    line = lab.file.read_text().splitlines().index("  A_name_of_24_characters_:") + 1
    refused = start("serve", lab.file.name, cwd=lab.folder)
    assert refused.wait() == 2
    (told,) = refused.lines
    assert re.fullmatch(
        rf"lab.yaml:{line}: ecc.A_name_of_24_characters_: the PV name "
        r"A_prefix_of_30_characters____:ECC:A_name_of_24_characters_:\w+ has more "
        "than 60 bytes: shorten the prefix or the device's name",
        told,
    )


# -- ports -----------------------------------------------------------------------------


def test_a_udp_port_that_is_not_shared_is_told_in_one_line(
    lab: Any, start: Callable[..., Any]
) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as foreign:
        foreign.bind(("127.0.0.1", CA_PORT))
        refused = start("serve", lab.file.name, "--quiet", cwd=lab.folder)
        assert refused.wait() == 3
    assert refused.lines == [
        f"UDP port {CA_PORT} on 127.0.0.1 cannot be used for searches: Address already "
        "in use. Choose another with EPICS_CAS_SERVER_PORT"
    ]


def test_a_tcp_port_that_is_taken_is_replaced_and_clients_find_the_pvs(
    lab: Any, cobo: Any
) -> None:
    with socket.socket() as foreign:
        foreign.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        foreign.bind(("127.0.0.1", CA_PORT))
        foreign.listen()
        served = lab.serve()
        assert not served.ready().endswith(f"CA port {CA_PORT}")
        cobo.until("Online", "Online")


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("EPICS_CAS_SERVER_PORT", "abc", "'abc' is not a number"),
        ("EPICS_CAS_SERVER_PORT", "70000", "70000 is no port"),
        ("EPICS_CAS_BEACON_ADDR_LIST", "127.0.0.1:70000", "70000 is no port"),
        ("EPICS_CAS_BEACON_PERIOD", "nan", "'nan' is not a number"),
        ("EPICS_CAS_INTF_ADDR_LIST", "203.0.113.1", "Cannot assign requested address"),
    ],
)
def test_an_epics_variable_that_cannot_be_is_told_in_one_line(
    lab: Any, start: Callable[..., Any], variable: str, value: str, says: str
) -> None:
    command = ("serve", lab.file.name, "--quiet")
    refused = start(*command, cwd=lab.folder, **{variable: value})
    assert refused.wait() == 3
    (said,) = refused.lines
    assert variable in said
    assert says in said
