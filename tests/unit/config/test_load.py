from __future__ import annotations

import dataclasses
import sys
import time
from pathlib import Path
from typing import Any

import pydantic
import pytest

from daqpv.config import ConfigProblems, DeviceSettings, Kind, Model, load, load_fixed
from tests.support.plant import PLANT, PUMPS, TANKS, Kinds, Load, Write, Wrong


def test_the_smallest_file_gives_the_defaults(loaded: Load) -> None:
    experiment = loaded("")
    assert experiment.path == Path("exp.yaml")
    assert (experiment.experiment, experiment.prefix) == ("e1", "AT:")
    assert experiment.server.slow_client == 30.0
    assert experiment.sections == {"pumps": {}, "tanks": {}, "plant": {}}


def test_a_device_has_what_the_file_says_and_else_the_defaults(loaded: Load) -> None:
    experiment = loaded(
        """
        pumps:
          A1: {url: "http://a", gas: argon, fill: 20 GB, period: 500 ms, desc: Left}
        """
    )
    pump = experiment.of(PUMPS)["A1"]
    assert pump.url == "http://a:8000/"
    assert pump.gas == "argon"
    assert pump.fill == 20e9
    assert pump.period == 0.5
    assert pump.desc == "Left"
    assert pump.enable is True


def test_devices_stay_in_the_order_of_the_file(loaded: Load) -> None:
    experiment = loaded("tanks: {c: {}, a: {}, b: {}}")
    assert list(experiment.of(TANKS)) == ["c", "a", "b"]


def test_a_section_without_names_is_one_settings_under_the_empty_name(
    loaded: Load,
) -> None:
    assert loaded("plant: {owner: Kim}").of(PLANT)[""].owner == "Kim"


def test_settings_of_a_kind_are_given_by_the_kind(loaded: Load, kinds: Kinds) -> None:
    tanks = loaded("tanks: {t: {port: 7}}").of(kinds[1])
    assert tanks["t"].port == 7


def test_a_section_or_device_whose_lines_are_commented_out_is_empty(
    loaded: Load,
) -> None:
    experiment = loaded(
        """
        server:
        include:
        defaults:
          pumps:
        pumps:
          # A: {}
        tanks:
          t1:
            # port: 5
        """
    )
    assert experiment.of(PUMPS) == {}
    assert experiment.of(TANKS)["t1"].port == 502


def test_yaml_is_1_2_so_that_on_and_no_and_times_are_text(loaded: Load) -> None:
    pumps = loaded("pumps: {P: {url: 'http://a', desc: on, code: no}}").of(PUMPS)
    assert (pumps["P"].desc, pumps["P"].code) == ("on", "no")
    tanks = loaded("tanks: {t: {desc: 12:30, port: 0x10}, u: {desc: 2026-01-02}}")
    assert tanks.of(TANKS)["t"].desc == "12:30"
    assert tanks.of(TANKS)["t"].port == 16
    assert tanks.of(TANKS)["u"].desc == "2026-01-02"


def test_a_switch_takes_yes_and_no(loaded: Load) -> None:
    tanks = loaded("tanks: {t: {enable: no}, u: {enable: yes}}").of(TANKS)
    assert (tanks["t"].enable, tanks["u"].enable) == (False, True)


def test_anchors_and_merge_keys_are_taken(loaded: Load) -> None:
    tanks = loaded(
        """
        tanks:
          t1: &t {port: 7, desc: one}
          t2: {<<: *t, desc: two}
          t3: {<<: [{port: 8}, *t]}
        """
    ).of(TANKS)
    assert (tanks["t2"].port, tanks["t2"].desc) == (7, "two")
    assert (tanks["t3"].port, tanks["t3"].desc) == (8, "one")


def test_defaults_are_merged_deeply_under_each_device_of_their_section(
    loaded: Load,
) -> None:
    pumps = loaded(
        """
        defaults: {pumps: {gas: argon, limits: {low: 1, high: 2}}}
        pumps:
          P: {url: "http://a", limits: {high: 3}}
          Q: {url: "http://b", gas: helium}
        """
    ).of(PUMPS)
    assert (pumps["P"].limits.low, pumps["P"].limits.high) == (1, 3)
    assert (pumps["P"].gas, pumps["Q"].gas) == ("argon", "helium")
    assert pumps["Q"].limits.high == 2


def test_defaults_may_hold_what_each_device_must_have(loaded: Load) -> None:
    pumps = loaded("defaults: {pumps: {url: 'http://a'}}\npumps: {P: {}}")
    assert pumps.of(PUMPS)["P"].url == "http://a:8000/"


def test_it_knows_where_each_device_stands(loaded: Load) -> None:
    experiment = loaded("tanks:\n  t1: {}\n\n  t2:\n    port: 5\nplant: {owner: x}\n")
    assert experiment.where("tanks", "t1") == "exp.yaml:4"
    assert experiment.where("tanks", "t2") == "exp.yaml:6"
    assert experiment.where("plant") == "exp.yaml:8"
    problem = experiment.problem("tanks", "t2", "its name is too long")
    assert str(problem) == "exp.yaml:6: tanks.t2: its name is too long"


def test_a_path_starts_at_the_folder_of_the_experiment_file(
    write: Write, kinds: Kinds
) -> None:
    text = "experiment: e\nprefix: 'A:'\nstore: {spool: logs/x}\n"
    experiment = load(write(text, "sub/exp.yaml"), kinds)
    assert experiment.store.spool == Path.cwd() / "sub/logs/x"
    absolute = load(write(text.replace("logs/", "/var/"), "sub/exp.yaml"), kinds)
    assert absolute.store.spool == Path("/var/x")


def test_the_path_may_be_text(write: Write, kinds: Kinds) -> None:
    path = write("experiment: e\nprefix: 'A:'\n")
    assert load(str(path), kinds).experiment == "e"


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(
    write: Write, kinds: Kinds
) -> None:
    path = write(b"\xef\xbb\xbfexperiment: e\r\nprefix: 'A:'\r\ntanks:\r\n  t: {}\r\n")
    assert load(path, kinds).where("tanks", "t") == "exp.yaml:4"


def test_an_experiment_and_its_settings_cannot_be_changed(loaded: Load) -> None:
    experiment = loaded("tanks: {t: {}}")
    with pytest.raises(dataclasses.FrozenInstanceError):
        experiment.prefix = "X:"  # type: ignore[misc]
    with pytest.raises(pydantic.ValidationError):
        experiment.of(TANKS)["t"].port = 5


@pytest.mark.parametrize("name", ["e20009", "a.b-c_d+1", "_x", "1", "x" * 60])
def test_names_good_for_a_directory_are_taken(
    write: Write, kinds: Kinds, name: str
) -> None:
    path = write(f"experiment: '{name}'\nprefix: 'A:'\n")
    assert load(path, kinds).experiment == name


@pytest.mark.parametrize(
    "name", ["", "a/b", "..", "a..b", ".a", "-a", "a b", "a\\b", "é", "x" * 61]
)
def test_names_no_good_for_a_directory_are_refused(wrong: Wrong, name: str) -> None:
    (problem,) = wrong(f"experiment: '{name}'\nprefix: 'A:'\n", head=False)
    assert problem.startswith("exp.yaml:1: experiment: ")
    assert "is given; wanted is a name good for a directory" in problem


@pytest.mark.parametrize(
    "prefix", ["AT:", "a-b_c:d:", "[x]<y>;", "XF:31ID1-ES{DAQ:1}", "A" * 30]
)
def test_good_prefixes_are_taken(write: Write, kinds: Kinds, prefix: str) -> None:
    path = write(f"experiment: e\nprefix: '{prefix}'\n")
    assert load(path, kinds).prefix == prefix


@pytest.mark.parametrize(
    "prefix", ["", "A B:", "A.B:", "$(P)", 'A"', "A\\\\:", "é:", "A" * 31]
)
def test_prefixes_that_no_pv_can_have_are_refused(wrong: Wrong, prefix: str) -> None:
    text = prefix.replace('"', '\\"')
    (problem,) = wrong(f'experiment: e\nprefix: "{text}"\n', head=False)
    assert "exp.yaml:2: prefix: " in problem
    assert "wanted is 1 to 30 ASCII characters" in problem


@pytest.mark.skipif(sys.gettrace() is not None, reason="measured without coverage")
def test_500_devices_are_loaded_within_a_second(write: Write, kinds: Kinds) -> None:
    lines = ["experiment: e", "prefix: 'AT:'", "pumps:"]
    for i in range(250):
        lines += [
            f"  P{i}:",
            f"    url: http://10.0.0.{i}:8000/",
            "    gas: argon",
            f"    desc: pump {i}",
            f"    lines: [{{tank: T{i}, valve: 1}}]",
        ]
    lines += ["tanks:", *(f"  T{i}: {{address: 10.0.0.{i + 1}}}" for i in range(250))]
    path = write("\n".join(lines))
    start = time.process_time()  # others use the machine, too
    experiment = load(path, kinds)
    elapsed = time.process_time() - start
    assert len(experiment.of(PUMPS)) == 250
    assert elapsed < 1.0


def test_a_kind_may_be_absent_from_the_file_and_a_file_may_have_no_kinds(
    write: Write,
) -> None:
    class Nothing(pydantic.BaseModel):
        pass

    path = write("experiment: e\nprefix: 'A:'\n")
    assert load(path, ()).sections == {}
    with pytest.raises(TypeError, match="settings must be a DeviceSettings"):
        Kind("x", Nothing)  # type: ignore[type-var]


def test_a_kind_that_is_always_there_needs_no_section(write: Write) -> None:
    class Settings(Model):
        depth: int = 3

    always: Kind[Settings, Any] = Kind("archive", Settings, many=False, always=True)
    path = write("experiment: e\nprefix: 'A:'\n")
    experiment = load(path, (always,))
    assert experiment.of(always) == {"": Settings()}
    assert experiment.where("archive") == "exp.yaml:1"
    path = write("experiment: e\nprefix: 'A:'\narchive: {depth: 5}\n")
    assert load(path, (always,)).of(always) == {"": Settings(depth=5)}


def test_only_the_file_can_give_devices_names() -> None:
    with pytest.raises(ValueError, match="only the file can give devices names"):
        Kind("x", DeviceSettings, always=True)


def test_what_belongs_to_no_kind_is_loaded_without_kinds(tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("ecc: {CoBo1: {}}\nstore: sqlite:///more.db\n")
    file = tmp_path / "exp.yaml"
    file.write_text(
        "experiment: e1\nprefix: 'AT:'\ninclude: more.yaml\n"
        "ecc: {CoBo0: {nonsense: 1}}\ndefaults: 3\n"
    )
    experiment = load_fixed(file)
    assert (experiment.experiment, experiment.prefix) == ("e1", "AT:")
    assert experiment.store.url == f"sqlite:///{tmp_path}/more.db"
    assert experiment.sections == {}


@pytest.mark.parametrize("text", ["experiment: '/'\nprefix: 'AT:'\n", "prefix: [", ""])
def test_what_is_wrong_with_that_is_told_without_kinds(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "exp.yaml"
    file.write_text(text)
    with pytest.raises(ConfigProblems, match=r"exp\.yaml"):
        load_fixed(file)
