from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daqpv.config import AnyKind, ConfigProblems, Kind, load
from daqpv.ecc import ConfigId, Operation
from daqpv.ecc.settings import EccSettings, LinkSettings, Role, Timeouts
from daqpv.routers import RouterSettings
from tests.support.plant import Wrong

ECC: Kind[EccSettings, Any] = Kind("ecc", EccSettings)
KINDS: tuple[AnyKind, ...] = (ECC, Kind("routers", RouterSettings))
HEAD = "experiment: e20009\nprefix: 'AT:'\n"


@pytest.fixture
def ecc(tmp_path: Path) -> Callable[..., EccSettings]:
    """Load the settings of one ECC server, after its url."""

    def ecc(text: str, url: str = "http://10.0.0.1") -> EccSettings:
        path = tmp_path / "e.yaml"
        routers = "routers: {data0: {address: 10.0.0.1}, online: {address: 10.0.0.2}}\n"
        path.write_text(f"{HEAD}{routers}ecc:\n  A: {{url: '{url}', {text}}}\n")
        return load(path, KINDS, {}).of(ECC)["A"]

    return ecc


@pytest.fixture
def wrong(ecc: Callable[..., EccSettings]) -> Callable[..., list[str]]:
    """Give the problems of the settings of one ECC server, without file and line."""

    def wrong(text: str, **more: str) -> list[str]:
        with pytest.raises(ConfigProblems) as caught:
            ecc(text, **more)
        return [f"{p.key}: {p.text}" for p in caught.value.problems]

    return wrong


def test_a_url_alone_is_enough(ecc: Callable[..., EccSettings]) -> None:
    settings = ecc("")
    assert settings.url == "http://10.0.0.1:8083/"
    assert settings.role is Role.ALL
    assert settings.config is None
    assert settings.links == ()
    assert settings.period == 1.0
    assert settings.log_path == ""


def test_the_file_says_it_all(ecc: Callable[..., EccSettings]) -> None:
    settings = ecc(
        "role: mutant-slave, config: cobo0/e20009/e20009, period: 200 ms, "
        "links: [{sender: 'CoBo[0]', router: data0}, "
        "{sender: 'CoBo[0]', router: online}, "
        "{sender: 'CoBo[Crate00_Slot00]', router: data0}], timeout: {configure: 5 min},"
        "log_path: ~/getEccSoapServer.log, desc: first"
    )
    assert settings.role is Role.MUTANT_SLAVE
    assert settings.config == ConfigId("cobo0", "e20009", "e20009")
    assert settings.links[1] == LinkSettings(sender="CoBo[0]", router="online")
    assert settings.links[2].sender == "CoBo[Crate00_Slot00]"
    assert settings.period == 0.2
    assert settings.timeout.configure == 300.0
    assert settings.log_path == "~/getEccSoapServer.log"


def test_the_default_time_outs_are_those_of_the_detector() -> None:
    deadlines = EccSettings(url="http://a").deadlines()
    assert deadlines.operations == {
        Operation.DESCRIBE: 60,
        Operation.PREPARE: 180,
        Operation.CONFIGURE: 180,
        Operation.START: 30,
        Operation.STOP: 15,
        Operation.PAUSE: 60,
        Operation.RESUME: 60,
        Operation.BREAKUP: 60,
        Operation.UNDO: 60,
    }
    assert (deadlines.state, deadlines.configs) == (3, 10)


def test_each_operation_takes_its_own_time_out() -> None:
    timeouts = {op.name.lower(): i + 1.0 for i, op in enumerate(Operation)}
    deadlines = Timeouts(**timeouts, get_state=50, get_configs=51).deadlines()
    assert list(deadlines.operations.values()) == [i + 1.0 for i in range(9)]
    assert (deadlines.state, deadlines.configs) == (50, 51)


@pytest.mark.parametrize(
    ("url", "full"),
    [
        ("http://cobo0", "http://cobo0:8083/"),
        ("http://cobo0.lab.example:81", "http://cobo0.lab.example:81/"),
        ("http://192.168.41.60:8083/ecc", "http://192.168.41.60:8083/ecc"),
        ("http://a_b-c:1/", "http://a_b-c:1/"),
    ],
)
def test_a_url_gets_its_port_and_path(
    ecc: Callable[..., EccSettings], url: str, full: str
) -> None:
    assert ecc("", url=url).url == full


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://a", "without https, blanks and '?'"),
        ("ftp://a", "http://host[:port][/path]"),
        ("a:8083", "http://host[:port][/path]"),
        ("192.168.41.60", "http://host[:port][/path]"),
        ("http://a b/", "without https, blanks and '?'"),
        ("http://a/?wsdl", "without https, blanks and '?'"),
        ("http://u:p@a/", "without user and password"),
        ("http://u@a/", "without user and password"),
        ("http://", "with a host name or an IPv4 address"),
        ("http://:80/", "with a host name or an IPv4 address"),
        ("http://192.168.41.256/", "with a host name or an IPv4 address"),
        ("http://192.168.41/", "with a host name or an IPv4 address"),
        ("http://-a/", "with a host name or an IPv4 address"),
        ("http://a..b/", "with a host name or an IPv4 address"),
        ("http://[::1/", "with a host name or an IPv4 address"),
        ("http://a:0/", "with a port from 1 to 65535"),
        ("http://a:65536/", "with a port from 1 to 65535"),
        ("http://a:x/", "with a port from 1 to 65535"),
    ],
)
def test_urls_that_no_ecc_server_has_are_refused(
    wrong: Wrong, url: str, wanted: str
) -> None:
    (problem,) = wrong("", url=url)
    assert problem.startswith(f"ecc.A.url: '{url}' is given; wanted is http://host")
    assert wanted in problem


@settings(deadline=None)
@given(st.text(max_size=30).map("http://".__add__) | st.text(max_size=30))
def test_a_url_that_is_taken_is_taken_again_unchanged(text: str) -> None:
    try:
        url = EccSettings(url=text).url
    except ValueError:
        return
    assert EccSettings(url=url).url == url


@pytest.mark.parametrize(
    "config",
    [
        *("cobo0/e20009", "a/b/c/d", "a//c", "/a/b", "a/b/ ", ""),
        *("a b/c/d", "a/b/é", "a/b/c&d", "a/b/<", "a/b/" + "x" * 121),
    ],
)
def test_a_configuration_is_three_ascii_names(wrong: Wrong, config: str) -> None:
    (problem,) = wrong(f"config: '{config}'")
    assert "is given; wanted is describe/prepare/configure: three ASCII" in problem


@settings(deadline=None)
@given(
    st.lists(
        st.text(st.characters(codec="ascii", exclude_characters="/"), min_size=1),
        min_size=3,
        max_size=3,
    )
)
def test_a_configuration_that_is_taken_reads_back_as_it_was_written(
    parts: tuple[str, ...],
) -> None:
    text = "/".join(parts)
    try:
        config = EccSettings.model_validate({"url": "http://a", "config": text}).config
    except ValueError:
        assert any(
            set(part) - set(_NAME_CHARACTERS) or len(part) > 120 for part in parts
        )
    else:
        assert str(config) == text
        assert not set("".join(parts)) - set(_NAME_CHARACTERS)


_NAME_CHARACTERS = [chr(c) for c in range(33, 127) if chr(c) not in "/<>&\"'"]


@pytest.mark.parametrize(
    "sender",
    ["CoBo", "CoBo0", "CoBo[]", "[0]", "CoBo[0", "CoBo[0] ", "CoBo[a b]", "Co Bo[0]"],
)
def test_a_sender_is_a_type_and_an_instance(wrong: Wrong, sender: str) -> None:
    (problem,) = wrong(f"links: [{{sender: '{sender}', router: data0}}]")
    assert problem == (
        f"ecc.A.links[0].sender: '{sender}' is given; wanted is TYPE[INSTANCE], as in "
        "CoBo[0] or Mutant[master]"
    )


def test_a_link_names_a_router_of_the_file(wrong: Wrong) -> None:
    (problem,) = wrong("links: [{sender: 'CoBo[0]', router: dat0}]")
    assert (
        problem == "ecc.A.links[0].router: routers has no 'dat0', did you mean 'data0'?"
    )


def test_the_same_link_twice_is_a_problem_naming_both(wrong: Wrong) -> None:
    (problem,) = wrong(
        "links: [{sender: 'CoBo[0]', router: data0}, "
        "{sender: 'CoBo[1]', router: data0}, {sender: 'CoBo[0]', router: data0}]"
    )
    assert problem.startswith("ecc.A.links[2]: is the same link as another one: ")
    assert "ecc.A.links[0] at " in problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "role: master",
            "'master' is given; wanted is mutant, mutant-slave, cobo or all",
        ),
        ("role: CoBo", "did you mean 'cobo'?"),
        ("period: 0.1", "0.1 is given; wanted is a time from 0.2 to 60 s"),
        ("period: 2 min", "'2 min' is given; wanted is a time from 0.2 to 60 s"),
        (
            "timeout: {configure: 0}",
            "ecc.A.timeout.configure: 0 is given; wanted is a t",
        ),
        (
            "timeout: {describ: 5}",
            "timeout.describ: unknown key, did you mean 'describe'?",
        ),
        ("timeout: 5", "ecc.A.timeout: 5 is given; wanted is a mapping (key: value)"),
        ("config: 5", "ecc.A.config: 5 is given; wanted is describe/prepare/configure"),
    ],
)
def test_other_mistakes_are_said_in_plain_words(
    wrong: Wrong, text: str, problem: str
) -> None:
    (found,) = wrong(text)
    assert problem in found


@pytest.mark.parametrize("other", ["http://Lab:8083/", "http://lab/x", "http://LAB"])
def test_two_servers_at_one_address_are_a_problem_naming_both_lines(
    tmp_path: Path, other: str
) -> None:
    path = tmp_path / "e.yaml"
    path.write_text(
        HEAD + "ecc:\n  A: {url: 'http://lab'}\n  B:\n    role: cobo\n"
        f"    url: {other}\n  C: {{url: 'http://lab:8084'}}\n"
    )
    with pytest.raises(ConfigProblems) as caught:
        load(path, KINDS)
    assert str(caught.value) == (
        f"{path}:7: ecc.B.url: is the same server as another one: ecc.A.url at {path}:4"
    )


def test_a_server_left_out_of_the_polling_still_has_its_address(tmp_path: Path) -> None:
    path = tmp_path / "e.yaml"
    path.write_text(
        HEAD + "ecc: {A: {url: 'http://a'}, B: {url: 'http://a', enable: false}}\n"
    )
    with pytest.raises(ConfigProblems, match="is the same server as another one"):
        load(path, KINDS)


def test_the_settings_may_be_made_without_a_file() -> None:
    link = LinkSettings(sender="CoBo[0]", router="anything")
    settings = EccSettings(
        url="http://a", config=ConfigId("a", "b", "c"), links=(link,), role=Role.COBO
    )
    assert settings.config == ConfigId("a", "b", "c")
    assert settings.links == (link,)
