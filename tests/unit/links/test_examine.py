"""Rights and holders of serial ports, and the computer's own clock."""

from __future__ import annotations

import fcntl
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from daqpv.links.examine import own_clock, port
from daqpv.links.examine.port import examined_port


@pytest.fixture
def terminal() -> Iterator[str]:
    ours, its = os.openpty()
    yield os.ttyname(its)
    os.close(ours)
    os.close(its)


def test_our_own_process_is_no_holder(terminal: str) -> None:
    found = examined_port(terminal)
    assert found.good
    assert not found.cure
    assert found.text.startswith(f"{terminal} is there, may be used, and nobody holds")


def test_a_lock_is_seen_whoever_has_it(
    terminal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path(terminal).open("rb", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert list(port._lockers(os.stat(terminal))) == [os.getpid()]
        monkeypatch.setattr(os, "getpid", lambda: 1)
        assert not examined_port(terminal).good
    assert list(port._lockers(os.stat(terminal))) == []


@pytest.mark.parametrize("path", ["/etc/passwd", "/dev/full/x", "/dev", "/nosuch"])
def test_what_is_no_port(path: str) -> None:
    found = examined_port(path)
    assert (found.step, found.good) == ("port", False)
    assert path in found.text
    assert found.cure


def status(mode: int, group: int) -> os.stat_result:
    return os.stat_result((stat.S_IFCHR | mode, 0, 0, 1, 0, group, 0, 0, 0, 0))


def test_without_the_right_the_cure_is_a_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(port, "_named_group", lambda _: "dialout")
    monkeypatch.setattr(port, "_is_member", lambda *_: False)
    user = pwd.getpwuid(os.geteuid()).pw_name
    found = port._no_right("/dev/ttyUSB0", status(0o660, 20))
    assert found.text == (
        f"{user} may not use /dev/ttyUSB0 (crw-rw----, group dialout)."
    )
    assert found.cure == (
        f"sudo usermod -aG dialout {user}; then log out and in again."
    )


def test_a_login_that_is_older_than_the_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port, "_named_group", lambda _: "dialout")
    monkeypatch.setattr(port, "_is_member", lambda *_: True)
    found = port._no_right("/dev/ttyUSB0", status(0o660, 20))
    assert "log out and in again" in found.cure
    assert "usermod" not in found.cure


def test_a_port_whose_group_has_no_right_either() -> None:
    found = port._no_right("/dev/ttyUSB0", status(0o600, 0))
    assert found.cure.endswith("sudo chmod g+rw /dev/ttyUSB0")


@pytest.mark.parametrize(
    ("kernel", "is_synchronised", "says"),
    [
        ((0, 0, 0.002), True, "is synchronised, and wrong by 2 ms at most."),
        ((0, 0, 3.0), True, "was synchronised, and may be wrong by 3 s."),
        ((5, 0x40, 16.0), False, "No time service synchronises this computer's clock"),
    ],
)
def test_the_clock_of_this_computer(
    monkeypatch: pytest.MonkeyPatch,
    kernel: tuple[int, int, float],
    is_synchronised: bool,
    says: str,
) -> None:
    monkeypatch.setattr(own_clock, "_adjtimex", lambda: kernel)
    found = own_clock.own_clock()
    assert found.good
    assert says in found.text
    assert found.facts["synchronised"] is is_synchronised
    assert bool(found.cure) == (kernel[2] > 0.5)


def test_the_kernel_is_asked() -> None:
    state, bits, most = own_clock._adjtimex()
    assert 0 <= state <= 5
    assert bits >= 0
    assert most >= 0


def test_a_system_that_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> tuple[int, int, float]:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(own_clock, "_adjtimex", refuse)
    found = own_clock.own_clock()
    assert found.good
    assert found.facts == {"synchronised": None}
