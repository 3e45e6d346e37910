"""daqpv init: a first experiment file."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import daqpv, told
from tests.support.terminal import environ, open_terminal, plain
from tests.support.waiting import DEADLINE


@pytest.fixture
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("mutant", [(), ("--mutant", "192.168.41.1")])
@pytest.mark.parametrize("cobos", [1, 10])
@pytest.mark.usefixtures("in_tmp_path")
def test_what_init_writes_passes_check(cobos: int, mutant: tuple[str, ...]) -> None:
    count = str(cobos)
    made = daqpv("init", "--cobos", count, "--first-ip", "192.168.41.60", *mutant)
    assert made.stdout == "Wrote e00000.yaml. Read it, then: daqpv check e00000.yaml\n"
    names = [f"CoBo{n}" for n in range(cobos)] + ["MuTAnT"] * bool(mutant)
    checked = daqpv("check", "e00000.yaml")
    assert f"  ecc: {', '.join(names)}" in checked.stdout.splitlines()


def test_init_writes_routers_of_their_own(in_tmp_path: Path) -> None:
    made = daqpv(
        *("init", "--cobos", "2", "--first-ip", "10.0.0.1", "--mutant", "10.0.0.9"),
        *("--first-router-ip", "10.0.1.1", "--mutant-router", "10.0.1.9"),
    )
    assert made.exit_code == 0
    text = (in_tmp_path / "e00000.yaml").read_text()
    for line in (
        "  data0: {address: 10.0.1.1, port: 46005, type: TCP}",
        "  data1: {address: 10.0.1.2, port: 46005, type: TCP}",
        "  mutant: {address: 10.0.1.9, port: 46005, type: FDT}",
        '      - {sender: "Mutant[master]", router: mutant}',
    ):
        assert line in text.splitlines()
    assert daqpv("check", "e00000.yaml").exit_code == 0


def test_init_overwrites_nothing_unless_it_is_told_to(in_tmp_path: Path) -> None:
    command = ("init", "--cobos", "1", "--first-ip", "10.0.0.1", "--experiment", "e1")
    file = in_tmp_path / "e1.yaml"
    file.write_text("precious")
    result = daqpv(*command)
    assert (result.exit_code, file.read_text()) == (2, "precious")
    assert told(result) == ["e1.yaml exists: choose another --out, or --force"]
    assert daqpv(*command, "--force").exit_code == 0
    assert file.read_text() != "precious"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            ("--first-ip", "192.168.41"),
            "--first-ip: '192.168.41' is given; wanted is an IPv4 address like "
            "192.168.41.60",
        ),
        (
            ("--first-ip", "192.168.41.250"),
            "--first-ip: 10 addresses are wanted, and from 192.168.41.250 to .255 "
            "there are 6: begin lower, or add the others to the file by hand",
        ),
        (
            ("--first-ip", "192.168.41.60", "--mutant", "192.168.41.61"),
            "--mutant: 192.168.41.61 is the ECC server of CoBos already",
        ),
        (
            ("--first-ip", "192.168.41.60", "--first-router-ip", "192.168.42"),
            "--first-router-ip: '192.168.42' is given; wanted is an IPv4 address like "
            "192.168.41.60",
        ),
        (
            ("--first-ip", "192.168.41.60", "--mutant-router", "192.168.41.2"),
            "--mutant-router: there is no MuTAnT: give the address of its ECC server, "
            "too",
        ),
        (
            ("--first-ip", "192.168.41.60", "--ssh", "att pc"),
            "--ssh: 'att pc' is given; wanted is a user's name",
        ),
        (
            ("--first-ip", "192.168.41.60", "--out", "nosuch/e.yaml"),
            "nosuch/e.yaml: No such file or directory",
        ),
    ],
)
def test_what_init_cannot_do_is_told_in_one_line(
    in_tmp_path: Path, options: tuple[str, ...], says: str
) -> None:
    result = daqpv("init", "--cobos", "10", *options)
    assert (result.exit_code, told(result)) == (2, [says])
    assert list(in_tmp_path.iterdir()) == []


def test_init_prints_the_very_file_when_it_is_asked_to(in_tmp_path: Path) -> None:
    command = ("init", "--cobos", "2", "--first-ip", "10.0.0.1", "--out")
    printed = daqpv(*command, "-")
    assert list(in_tmp_path.iterdir()) == []
    daqpv(*command, "made.yaml")
    assert printed.stdout == (in_tmp_path / "made.yaml").read_text()


# -- instruments -----------------------------------------------------------------------

VACUUM = "vacuum=pfeiffer-tpg36x@tcp://192.168.41.70:8000"
GAS = "gas=@serial:///dev/ttyUSB0?baud=9600"


def test_a_file_of_instruments_alone(in_tmp_path: Path) -> None:
    made = daqpv(
        *("init", "--experiment", "lab", "--prefix", "LAB:"),
        *("--instrument", VACUUM, "--instrument", GAS),
    )
    assert made.stdout.splitlines() == [
        "Wrote lab.yaml. Read it, then: daqpv check lab.yaml",
        "Are the instruments there? daqpv doctor lab.yaml",
    ]
    checked = daqpv("check", "lab.yaml")
    assert checked.exit_code == 0
    assert "  instruments: vacuum, gas" in checked.stdout.splitlines()
    names = {line.split()[0] for line in daqpv("pvs", "lab.yaml").stdout.splitlines()}
    assert "LAB:Inst:vacuum:Gauge1" in names
    levels = {name.split(":")[1] for name in names if ":" in name}
    assert levels == {"Arch", "Inst", "IOC", "Log"}


def test_cobos_and_instruments_in_one_file(in_tmp_path: Path) -> None:
    cobos = ("--cobos", "2", "--first-ip", "10.0.0.1")
    assert daqpv("init", *cobos, "--instrument", VACUUM).exit_code == 0
    checked = daqpv("check", "e00000.yaml").stdout.splitlines()
    assert "  ecc: CoBo0, CoBo1" in checked
    assert "  instruments: vacuum" in checked


def test_a_description_of_the_site_is_known(in_tmp_path: Path) -> None:
    folder = in_tmp_path / "lab" / "descriptions"
    folder.mkdir(parents=True)
    (folder / "our-pump.yaml").write_text(
        "title: Our pump\nvendor: us\nwiring: {connections: tcp://ADDRESS:1}\n"
        'read: {ask: "P", answer: "{p:g}"}\nchannels: {p: {}}\n'
    )
    made = ("init", "--instrument", "pump=our-pump@tcp://10.0.0.1:1")
    assert daqpv(*made, "--out", "lab/lab.yaml").exit_code == 0
    assert "Our pump (us)" in (in_tmp_path / "lab/lab.yaml").read_text()
    assert daqpv("check", "lab/lab.yaml").exit_code == 0
    assert daqpv(*made, "--out", "other.yaml").exit_code == 2


@pytest.mark.parametrize(
    ("instruments", "says"),
    [
        (("gas",), "--instrument gas: wanted is NAME=MODEL@CONNECTION"),
        (
            ("2gas=@tcp://h:1",),
            "--instrument 2gas: a name is a letter and then at most 23 letters",
        ),
        (
            ("gas=pfeifer-tpg36x@tcp://h:1",),
            "--instrument gas: 'pfeifer-tpg36x' is given; wanted is a model that "
            "'daqpv instrument list' shows, did you mean 'pfeiffer-tpg36x'?",
        ),
        (
            ("gas=@tpc://h:1",),
            "--instrument gas: no driver for tpc:. Did you mean tcp?",
        ),
        (("gas=@tcp://h",), "--instrument gas: tcp://HOST:PORT is wanted"),
        (("gas=@tcp://h:0x1",), "--instrument gas: not a URL: "),
        ((VACUUM, "Vacuum=@tcp://h:1"), "--instrument Vacuum: there is an instrument"),
    ],
)
def test_an_instrument_that_cannot_be_is_refused_as_check_would(
    in_tmp_path: Path, instruments: tuple[str, ...], says: str
) -> None:
    options = [word for one in instruments for word in ("--instrument", one)]
    result = daqpv("init", *options)
    (line,) = told(result)
    assert (result.exit_code, line[: len(says)]) == (2, says)
    assert list(in_tmp_path.iterdir()) == []


def test_without_options_and_terminal_the_options_are_named(in_tmp_path: Path) -> None:
    result = daqpv("init")
    assert result.exit_code == 2
    assert told(result)[-1] == (
        "Error: Missing option '--cobos' (with --first-ip) or '--instrument'."
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--cobos", "2"), "--cobos: give the address of CoBo 0, too: --first-ip"),
        (
            ("--instrument", GAS, "--mutant", "10.0.0.1"),
            "--mutant: give --cobos, too",
        ),
    ],
)
def test_options_that_need_others(
    in_tmp_path: Path, options: tuple[str, ...], says: str
) -> None:
    result = daqpv("init", *options)
    assert (result.exit_code, told(result)) == (2, [says])


# -- questions on a terminal -----------------------------------------------------------


class Dialogue:
    """``daqpv init`` on a terminal of its own; `answer` waits for each question."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._ours, its = open_terminal(100)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "daqpv", "init", *options],
            cwd=folder,
            env=environ(),
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
        )
        os.close(its)
        self._seen = ""

    def answer(self, question: str, text: str) -> str:
        """Wait for a question, answer it; returns what was printed before it."""
        while question not in self._seen:
            self._seen += plain(self._read())
        before, _, self._seen = self._seen.partition(question)
        os.write(self._ours, f"{text}\n".encode())
        return before

    def end(self) -> tuple[int, str]:
        """The exit code, and what was printed since the last question."""
        while data := self._read():
            self._seen += plain(data)
        os.close(self._ours)
        return self.process.wait(DEADLINE), self._seen.replace("\r\n", "\n")

    def _read(self) -> str:
        ready, _, _ = select.select([self._ours], [], [], DEADLINE)
        assert ready, f"nothing more after {self._seen!r}"
        try:
            return os.read(self._ours, 65536).decode()
        except OSError:  # closed
            return ""


def test_the_questions_for_instruments(in_tmp_path: Path) -> None:
    ask = Dialogue(in_tmp_path)
    ask.answer("Name of the experiment [e00000]: ", "my lab")
    assert "wanted is a name good for a directory" in ask.answer("Name of the", "lab")
    ask.answer("CoBos of GET electronics (0: none) [0]: ", "")
    ask.answer("Beginning of all PV names [LAB:]: ", "")
    ask.answer("An instrument? Its name (empty: no more): ", "")
    assert "name an instrument" in ask.answer("An instrument?", "2gas")
    assert "a name is a letter" in ask.answer("An instrument?", "vacuum")
    ask.answer("Its model ('?' lists them; empty: no description fits): ", "?")
    listed = ask.answer("Its model", "tpg36")
    assert "pfeiffer-tpg36x  Gauge controllers" in listed
    assert "'daqpv instrument list' shows" in ask.answer("Its model", "pfeiffer-tpg36x")
    assert "tcp://ADDRESS:8000" in ask.answer("Its connection: ", "tcp://h")
    wrong = ask.answer("Its connection: ", "tcp://192.168.41.70:8000")
    assert "tcp://HOST:PORT is wanted" in wrong
    ask.answer("An instrument?", "VACUUM")
    assert "an instrument vacuum already" in ask.answer("An instrument?", "gas")
    ask.answer("Its model", "")
    ask.answer("Its connection: ", "serial:///dev/ttyUSB0?baud=9600")
    ask.answer("An instrument?", "")
    (in_tmp_path / "taken.yaml").write_text("precious")
    ask.answer("File to write [lab.yaml]: ", "taken.yaml")
    assert "taken.yaml exists" in ask.answer("File to write", "")
    code, said = ask.end()
    assert code == 0
    assert "Wrote lab.yaml. Read it, then: daqpv check lab.yaml\n" in said
    checked = daqpv("check", "lab.yaml")
    assert "  instruments: vacuum, gas" in checked.stdout.splitlines()


def test_the_questions_for_cobos(in_tmp_path: Path) -> None:
    ask = Dialogue(in_tmp_path, "--out", "made.yaml")
    ask.answer("Name of the experiment [e00000]: ", "e20009")
    ask.answer("CoBos of GET", "2")
    ask.answer("Address of CoBo 0: ", "192.168.41")
    wrong = ask.answer("Address of CoBo 0: ", "192.168.41.60")
    assert "wanted is an IPv4 address like 192.168.41.60" in wrong
    ask.answer("Address of the MuTAnT's ECC server (empty: none): ", "192.168.41.61")
    again = ask.answer("Address of the MuTAnT's", "192.168.41.1")
    assert "is the ECC server of CoBos already" in again
    ask.answer("User for SSH on the routers' computers (empty: not watched): ", "daq")
    ask.answer("Beginning of all PV names [AT:]: ", "")
    ask.answer("An instrument?", "")
    code, _ = ask.end()
    assert code == 0
    lines = daqpv("check", "made.yaml").stdout.splitlines()
    assert "  ecc: CoBo0, CoBo1, MuTAnT" in lines
    assert "ssh: daq@192.168.41.60" in (in_tmp_path / "made.yaml").read_text()


def test_the_end_of_the_answers_ends_it_without_a_file(in_tmp_path: Path) -> None:
    ask = Dialogue(in_tmp_path)
    ask.answer("Name of the experiment", "lab\n\x04")
    code, said = ask.end()
    assert (code, list(in_tmp_path.iterdir())) == (1, [])
    assert "Aborted!" in said
