"""The commands as an operator types them: what they print, and their exit codes."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import jsonschema
import psutil
import pytest
from click.testing import CliRunner, Result
from epics import ca
from ruamel.yaml import YAML

from daqpv import __version__
from daqpv.cli import main
from daqpv.links import pv as links_pv

TIMEOUT = 30.0  # [s] for a command on a busy machine


def commands_of(group: click.Group) -> Iterator[str]:
    """Every command, with the group that it is in: "ecc exit"."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from (f"{name} {own}" for own in commands_of(command))
        else:
            yield name


COMMANDS = list(commands_of(main))


def daqpv(*arguments: str, **more: Any) -> Result:
    """A command that needs no process of its own."""
    return CliRunner().invoke(main, arguments, prog_name="daqpv", **more)


def process(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """A command as a process, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "daqpv", *arguments],
        text=True,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
        **more,
    )


def told(result: Result) -> list[str]:
    """The lines on stderr of a command that printed nothing else and met no bug."""
    assert result.stdout == ""
    assert isinstance(result.exception, SystemExit)
    return result.stderr.splitlines()


# -- help ------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command: str) -> None:
    result = daqpv(*command.split(), "--help")
    assert result.exit_code == 0
    assert re.search(rf"^    +daqpv {command}\b", result.stdout, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_a_terminal(command: str) -> None:
    result = daqpv(*command.split(), "--help")
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_the_list_of_commands_says_of_each_what_it_does_in_a_whole_sentence() -> None:
    _, _, commands = daqpv("--help").stdout.partition("Commands:\n")
    assert {line.split()[0] for line in commands.splitlines()} == {
        command.split()[0] for command in COMMANDS
    }
    assert all(re.search(r"\w\.$", line) for line in commands.splitlines())


def test_the_list_of_commands_is_quick_because_it_imports_none_of_them() -> None:
    result = process("--help", env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"})
    imported = {line.split()[-1] for line in result.stderr.splitlines()}
    ours = {name for name in imported if name.startswith("daqpv")}
    assert ours == {"daqpv", "daqpv.cli"}


def test_the_commands_of_the_design_are_there() -> None:
    wanted = "serve check init pvs put simulate demo"
    assert set(wanted.split()) <= set(COMMANDS)


def test_no_command_at_all_says_how_to_begin() -> None:
    assert "daqpv demo" in process().stderr


def test_the_version_is_told() -> None:
    result = process("--version")
    assert (result.returncode, result.stdout) == (0, f"daqpv, version {__version__}\n")


def test_an_unknown_command_is_refused_with_the_nearest_one() -> None:
    result = daqpv("serv")
    assert result.exit_code == 2
    assert told(result)[-1] == "Error: No such command 'serv', did you mean 'serve'?"


# -- check -----------------------------------------------------------------------------

TEN = """\
experiment: e 1
prefix: "AT:"
serve: {}
server: {slow_client: 30 kg}
ecc:
  CoBo0: {url: "https://127.0.0.1/"}
  CoBo1: {ulr: "http://127.0.0.1/"}
  CoBo2: {url: "http://127.0.0.2/", role: coba}
  CoBo3: {url: "http://127.0.0.3/", links: [{sender: "CoBo[3]", router: data3}]}
  CoBo4: {url: "http://127.0.0.4/", config: exp}
  9CoBo: {url: "http://127.0.0.5/"}
routers:
  data0: {address: 127.0.0.1, port: 70000}
"""

TEN_PLACES = [
    "ten.yaml:1: experiment: ",
    "ten.yaml:3: serve: ",
    "ten.yaml:4: server.slow_client: ",
    "ten.yaml:6: ecc.CoBo0.url: ",
    "ten.yaml:7: ecc.CoBo1.ulr: ",
    "ten.yaml:8: ecc.CoBo2.role: ",
    "ten.yaml:9: ecc.CoBo3.links[0].router: ",
    "ten.yaml:10: ecc.CoBo4.config: ",
    "ten.yaml:11: ecc.9CoBo: ",
    "ten.yaml:13: routers.data0.port: ",
]


def test_a_file_with_ten_mistakes_gives_ten_lines_and_exit_code_2(
    tmp_path: Path,
) -> None:
    (tmp_path / "ten.yaml").write_text(TEN)
    result = process("check", "ten.yaml", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    lines = result.stderr.splitlines()
    assert len(lines) == len(TEN_PLACES), result.stderr
    assert all(map(str.startswith, lines, TEN_PLACES)), result.stderr


def test_a_good_file_says_what_it_serves(shared_lab: Any) -> None:
    result = daqpv("check", str(shared_lab.file))
    rows = json.loads(daqpv("pvs", str(shared_lab.file), "--format", "json").stdout)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"{shared_lab.file}: experiment exp, {len(rows)} PVs under {shared_lab.prefix}",
        "  ecc: CoBo0, CoBo1",
        "  routers: data0, data1",
    ]


def test_the_schema_that_is_printed_accepts_a_good_file(shared_lab: Any) -> None:
    schema = json.loads(daqpv("check", "--schema").stdout)
    good = YAML(typ="safe", pure=True).load(shared_lab.file)
    jsonschema.Draft202012Validator(schema).validate(good)


@pytest.mark.parametrize("command", ["check", "pvs", "serve", "simulate"])
@pytest.mark.parametrize(
    ("file", "says"),
    [("", ": is a directory, not a file"), ("nosuch.yaml", ": no such file")],
)
def test_a_file_that_is_none_is_told_in_one_line(
    tmp_path: Path, command: str, file: str, says: str
) -> None:
    path = str(tmp_path / file).rstrip("/")
    result = daqpv(command, path)
    assert (result.exit_code, told(result)) == (2, [f"{path}{says}"])


def test_check_without_a_file_says_that_it_wants_one() -> None:
    result = daqpv("check")
    assert result.exit_code == 2
    assert told(result)[-1] == "Error: Missing argument 'FILE'."


# -- init ------------------------------------------------------------------------------


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


# -- pvs -------------------------------------------------------------------------------


def rows_of(lab: Any) -> list[dict[str, Any]]:
    rows = json.loads(daqpv("pvs", str(lab.file), "--format", "json").stdout)
    assert isinstance(rows, list)
    return rows


def test_csv_and_json_have_the_same_rows(shared_lab: Any) -> None:
    text = daqpv("pvs", str(shared_lab.file), "--format", "csv").stdout
    assert list(csv.DictReader(text.splitlines())) == [
        {
            "PV": row["name"],
            "record": row["record"],
            "access": "read/write" if row["writable"] else "read",
            "units": row["units"],
            "values": ", ".join(row["choices"]),
            "meaning": row["doc"],
        }
        for row in rows_of(shared_lab)
    ]


def test_markdown_and_csv_have_the_same_rows(shared_lab: Any) -> None:
    text = daqpv("pvs", str(shared_lab.file), "--format", "csv").stdout
    expected = list(csv.reader(text.splitlines()))
    lines = daqpv("pvs", str(shared_lab.file), "--format", "markdown").stdout
    cells = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in lines.splitlines()
    ]
    assert [*cells[:1], *cells[2:]] == expected
    assert cells[1] == ["---"] * len(cells[0])


def test_a_table_in_a_pipe_has_a_line_for_each_pv(shared_lab: Any) -> None:
    _, *lines = daqpv("pvs", str(shared_lab.file)).stdout.splitlines()
    found = [tuple(line.split(maxsplit=3)) for line in lines]
    assert found == [
        (
            row["name"],
            row["record"],
            "rw" if row["writable"] else "r",
            row["doc"]
            + (f" [{row['units']}]" if row["units"] else "")
            + (f" ({', '.join(row['choices'])})" if row["choices"] else ""),
        )
        for row in rows_of(shared_lab)
    ]


@pytest.mark.parametrize("prefix", ["AT:", "A_prefix_of_30_characters____:"])
def test_a_table_fits_a_terminal_and_cuts_no_name(tmp_path: Path, prefix: str) -> None:
    file = tmp_path / "e.yaml"
    command = ("init", "--cobos", "1", "--first-ip", "10.0.0.1", "--prefix", prefix)
    daqpv(*command, "--out", str(file))
    names = [line.split(",")[0] for line in csv_lines(file)]
    lines = in_terminal("pvs", str(file), columns=80)
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines if line.startswith(prefix)] == names


def csv_lines(file: Path) -> list[str]:
    return daqpv("pvs", str(file), "--format", "csv").stdout.splitlines()[1:]


def in_terminal(*arguments: str, columns: int) -> list[str]:
    """What a command prints to a terminal of so many columns, without its colours."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = [sys.executable, "-m", "daqpv", *arguments]
    environ = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    environ["TERM"] = "xterm"
    with subprocess.Popen(command, stdout=its, env=environ) as running:
        os.close(its)
        text = b"".join(read_all(ours)).decode()
        running.wait(TIMEOUT)
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).splitlines()


def read_all(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # the terminal's way to say that nobody writes any more
            return
        yield data


def test_one_device_can_be_listed_alone(shared_lab: Any) -> None:
    text = daqpv("pvs", str(shared_lab.file), "--device", "CoBo1", "--format", "json")
    assert json.loads(text.stdout) == [
        row for row in rows_of(shared_lab) if row["device"] == "CoBo1"
    ]


def test_a_device_that_is_none_is_refused_with_the_nearest_one(shared_lab: Any) -> None:
    result = daqpv("pvs", str(shared_lab.file), "--device", "Cobo1")
    assert result.exit_code == 2
    assert told(result) == ["no device 'Cobo1', did you mean 'CoBo1'?"]


def test_as_many_pvs_are_listed_as_are_served(shared_lab: Any) -> None:
    served = shared_lab.client("main", kind="IOC")
    served.until("RECORD_CNT", str(len(rows_of(shared_lab))))


def connected(names: Iterable[str]) -> dict[str, Any]:
    """Channels to PVs, all searched for at once."""
    channels = {name: ca.create_channel(name) for name in names}
    assert all(ca.connect_channel(c, timeout=TIMEOUT) for c in channels.values())
    return channels


@pytest.mark.parametrize(
    ("field", "column"), [("RTYP", "record"), ("DESC", "doc"), ("EGU", "units")]
)
def test_the_list_agrees_with_the_fields_that_are_served(
    shared_lab: Any, field: str, column: str
) -> None:
    rows = rows_of(shared_lab)
    if field == "EGU":
        rows = [row for row in rows if row["units"]]
    listed = {f"{row['name']}.{field}": row[column] for row in rows}
    connected(listed)
    assert {name: links_pv.get(name) for name in listed} == listed


def test_the_list_agrees_with_the_labels_that_are_served(shared_lab: Any) -> None:
    listed = {row["name"]: tuple(row["choices"]) for row in rows_of(shared_lab)}
    connected(listed)
    assert {name: links_pv.labels(name) for name in listed} == listed


def test_the_list_agrees_with_the_rights_that_are_given(shared_lab: Any) -> None:
    listed = {row["name"]: row["writable"] for row in rows_of(shared_lab)}
    channels = connected(listed)
    given = {name: bool(ca.write_access(chid)) for name, chid in channels.items()}
    assert given == listed


# -- put -------------------------------------------------------------------------------


@pytest.fixture
def cobo(shared_lab: Any) -> Iterator[Any]:
    """CoBo0 in Idle, without faults."""
    client = shared_lab.client()
    client.until("Online", "Online")
    yield client
    shared_lab.sim()("/faults", "DELETE")
    client.put("State", "Idle")


def test_put_returns_when_it_was_reached_and_prints_nothing(cobo: Any) -> None:
    result = daqpv("put", f"{cobo.prefix}State", "Ready")
    assert (cobo.get("State"), result.exit_code, result.output) == ("Ready", 0, "")


@pytest.mark.parametrize(
    ("signal", "value", "why"),
    [
        ("State", "Nosuch", "'Nosuch' is none of: Broken, Idle, Described"),
        ("PollPeriod", "-7", "-7 is outside the limits 0.2 to 60 s"),
        ("Command", "Start", "no 'Start' from state 'Idle'"),
        ("Config", f"{'long' * 60}/exp/exp", f"{'long' * 60}/exp/exp"),
    ],
)
def test_put_that_is_refused_tells_the_reason(
    cobo: Any, signal: str, value: str, why: str
) -> None:
    result = daqpv("put", cobo.prefix + signal, value)
    first, reason = told(result)
    assert result.exit_code == 1
    assert first == f"{cobo.prefix}{signal}: Channel write request failed"
    assert why in reason


def test_put_that_fails_tells_the_reason(shared_lab: Any, cobo: Any) -> None:
    shared_lab.sim().fault("Prepare", "refuse", message="no power", times=1)
    result = daqpv("put", f"{cobo.prefix}State", "Ready")
    assert result.exit_code == 1
    assert "no power (code 2)" in told(result)[-1]


@pytest.fixture
def failed_before(cobo: Any) -> Any:
    """LastError holds a reason, of another put."""
    daqpv("put", f"{cobo.prefix}State", "Nosuch")
    assert "Nosuch" in cobo.get("LastError")
    return cobo


def test_put_that_takes_too_long_says_that_it_goes_on(
    shared_lab: Any, failed_before: Any
) -> None:
    shared_lab.sim().takes("Describe", 1.0)
    name = f"{failed_before.prefix}State"
    result = daqpv("put", name, "Described", "--timeout", "0.2")
    assert result.exit_code == 1
    assert told(result) == [f"{name}: not done within 0.2 s; it goes on"]
    failed_before.until("State", "Described")
    shared_lab.sim().takes("Describe", 0.01)


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        ("nan", "'nan' is no number of seconds."),
        ("inf", "inf is not in the range 0<=x<=1000000.0."),
        ("-1", "-1.0 is not in the range 0<=x<=1000000.0."),
        ("soon", "'soon' is not a valid float range."),
    ],
)
def test_put_wants_a_number_of_seconds(seconds: str, says: str) -> None:
    result = daqpv("put", "AT:Sys:Target", "Ready", "--timeout", seconds)
    assert result.exit_code == 2
    assert told(result)[-1] == f"Error: Invalid value for '--timeout': {says}"


def test_put_to_a_pv_that_only_reads_says_so(failed_before: Any) -> None:
    name = f"{failed_before.prefix}Message"
    result = daqpv("put", name, "hello")
    assert (result.exit_code, told(result)) == (
        1,
        [f"{name} is read only, at least for you"],
    )


def test_put_of_a_text_that_is_too_long_says_so(failed_before: Any) -> None:
    name, text = f"{failed_before.prefix}State", "x" * 40
    result = daqpv("put", name, text)
    assert (result.exit_code, told(result)) == (
        1,
        [f"{name} takes at most 39 bytes: {text!r}"],
    )


def test_put_to_a_pv_that_is_none_says_what_to_look_at(failed_before: Any) -> None:
    result = daqpv("put", f"{failed_before.prefix}Sate", "Ready")
    assert (result.exit_code, told(result)) == (
        1,
        [
            f"{failed_before.prefix}Sate: no such PV within 5 s. Is daqpv serving? "
            "Do EPICS_CA_ADDR_LIST and EPICS_CA_SERVER_PORT point at it?"
        ],
    )


@pytest.fixture
def no_repeater() -> Iterator[dict[str, str]]:
    """An environment without EPICS base; whatever repeater is begun in it is ended."""
    with_port = {"EPICS_CA_REPEATER_PORT": os.environ["EPICS_CAS_SERVER_PORT"]}
    yield with_port | {"PATH": os.defpath}
    for running in psutil.process_iter(["cmdline", "environ"]):
        environ = running.info["environ"] or {}
        if with_port.items() <= environ.items() and any(
            "caRepeater" in word for word in running.info["cmdline"] or ()
        ):
            running.kill()


def test_put_prints_nothing_on_a_machine_without_epics_base(
    cobo: Any, no_repeater: dict[str, str]
) -> None:
    environ = os.environ | no_repeater
    result = process("put", f"{cobo.prefix}State", "Described", env=environ)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


# -- ecc -------------------------------------------------------------------------------


def test_ecc_exit_asks_and_no_means_no(shared_lab: Any) -> None:
    result = daqpv("ecc", "exit", str(shared_lab.file), "CoBo1", input="n\n")
    assert "End the ECC server CoBo1 at" in result.stdout
    assert result.exit_code == 1
    assert shared_lab.sim("CoBo1").operations().get("ServerExit", 0) == 0


def test_ecc_exit_ends_the_server_when_it_is_told_yes(shared_lab: Any) -> None:
    online = shared_lab.client("CoBo1").monitor("Online")
    online.until("Online")
    result = daqpv("ecc", "exit", str(shared_lab.file), "CoBo1", "--yes")
    assert result.stdout == "CoBo1: the process ends within 5 s.\n"
    online.until("Offline")


def test_ecc_exit_of_a_server_that_is_not_there_says_so(tmp_path: Path) -> None:
    file = tmp_path / "gone.yaml"
    port = os.environ["EPICS_CAS_SERVER_PORT"]  # of UDP alone, as long as nobody serves
    file.write_text(
        'experiment: e\nprefix: "E:"\n'
        f'ecc: {{CoBo0: {{url: "http://127.0.0.1:{port}"}}}}\n'
    )
    result = daqpv("ecc", "exit", str(file), "CoBo0", "--yes")
    assert result.exit_code == 1
    assert "connection refused" in told(result)[0]


def test_ecc_special_says_that_it_was_done(shared_lab: Any, cobo: Any) -> None:
    result = daqpv("ecc", "special", str(shared_lab.file), "CoBo0", "connect", "it")
    assert (result.exit_code, result.output) == (0, "CoBo0: done\n")


def test_ecc_special_tells_reason_and_code_when_it_fails(shared_lab: Any) -> None:
    result = daqpv("ecc", "special", str(shared_lab.file), "CoBo0", "nosuch", "100")
    assert result.exit_code == 1
    assert told(result) == ["CoBo0: Special command 'nosuch' is unknown. (code 1)"]


def test_ecc_of_a_server_that_is_none_is_refused_with_the_nearest(
    shared_lab: Any,
) -> None:
    result = daqpv("ecc", "special", str(shared_lab.file), "Cobo0", "connect")
    assert result.exit_code == 2
    assert told(result) == ["no ECC server 'Cobo0', did you mean 'CoBo0'?"]
