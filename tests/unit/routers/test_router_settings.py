from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daqpv.config import ConfigProblems, Kind, load
from daqpv.routers import RouterSettings, RouterType

KIND: Kind[RouterSettings, Any] = Kind("routers", RouterSettings)
KINDS = (KIND,)
HEAD = "experiment: e20009\nprefix: 'AT:'\n"


@pytest.fixture
def router(tmp_path: Path) -> Callable[[str], RouterSettings]:
    """Load the settings of one router."""

    def router(text: str) -> RouterSettings:
        path = tmp_path / "e.yaml"
        path.write_text(f"{HEAD}routers:\n  data0: {{{text}}}\n")
        return load(path, KINDS, {}).of(KIND)["data0"]

    return router


def test_an_address_alone_is_enough(router: Callable[[str], RouterSettings]) -> None:
    settings = router("address: 192.168.41.60")
    assert settings.address == "192.168.41.60"
    assert settings.port == 46005
    assert settings.type is RouterType.TCP
    assert settings.watch is None
    assert (settings.desc, settings.enable, settings.period) == ("", True, 2.0)


@pytest.mark.parametrize("name", ["ICE", "TCP", "ZBUF", "FDT"])
def test_the_types_are_those_that_the_boards_know(
    router: Callable[[str], RouterSettings], name: str
) -> None:
    assert router(f"address: 1.2.3.4, type: {name}").type == name


@pytest.mark.parametrize(
    ("name", "meant"),
    [("tcp", "TCP"), ("Fdt", "FDT"), ("zbuf", "ZBUF"), ("ice", "ICE")],
)
def test_a_type_in_another_case_is_refused_with_the_right_one(
    router: Callable[[str], RouterSettings], name: str, meant: str
) -> None:
    with pytest.raises(ConfigProblems) as caught:
        router(f"address: 1.2.3.4, type: {name}")
    assert str(caught.value).endswith(
        f"routers.data0.type: '{name}' is given; wanted is ICE, TCP, ZBUF or FDT, "
        f"did you mean '{meant}'?"
    )


@pytest.mark.parametrize(
    ("watch", "way", "value"),
    [
        ("ssh: attpc@192.168.41.60", "ssh", "attpc@192.168.41.60"),
        ("ssh: 'daq@mac0.lab:2222'", "ssh", "daq@mac0.lab:2222"),
        ("page: 'http://h:8081/~x/s.html'", "page", "http://h:8081/~x/s.html"),
        ("page: 'http://h'", "page", "http://h:80/"),
        ("directory: /data", "directory", "/data"),
        ("directory: ~/data", "directory", "~/data"),
        ("page: 'http://h/', ssh: a@b", "ssh", "a@b"),
        ("ssh: a@b, staging: ~/data", "staging", "~/data"),
    ],
)
def test_it_is_watched_in_one_of_these_ways(
    router: Callable[[str], RouterSettings], watch: str, way: str, value: str
) -> None:
    settings = router(f"address: 1.2.3.4, watch: {{{watch}}}")
    assert getattr(settings.watch, way) == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("port: 5", "routers.data0.address: is missing"),
        ("address: cobo0", "'cobo0' is given; wanted is an IPv4 address like 192"),
        ("address: 1.2.3.256", "wanted is an IPv4 address like 192.168.41.60"),
        ("address: 0.0.0.0", "wanted is an IPv4 address like 192.168.41.60"),
        ("address: 224.0.0.1", "wanted is an IPv4 address like 192.168.41.60"),
        ("address: '::1'", "wanted is an IPv4 address like 192.168.41.60"),
        ("address: 1.2.3.4, port: 0", "0 is given; wanted is a port from 1 to 65535"),
        ("address: 1.2.3.4, port: 65536", "wanted is a port from 1 to 65535"),
        (
            "address: 1.2.3.4, watch: {}",
            "wanted is one of ssh, page, page and ssh, directory, not nothing",
        ),
        (
            "address: 1.2.3.4, watch: {ssh: a@b, directory: /d}",
            "wanted is one of ssh, page, page and ssh, "
            "directory, not ssh and directory",
        ),
        (
            "address: 1.2.3.4, watch: {ssh: 'a@b@c'}",
            "wanted is host, user@host or user@host:port",
        ),
        ("address: 1.2.3.4, watch: {ssh: 'a@b:0'}", "user@host or user@host:port"),
        ("address: 1.2.3.4, watch: {ssh: 'a@b c'}", "user@host or user@host:port"),
        ("address: 1.2.3.4, watch: {ssh: '-o@b'}", "user@host or user@host:port"),
        ("address: 1.2.3.4, watch: {ssh: '-o'}", "user@host or user@host:port"),
        ("address: 1.2.3.4, watch: {directory: data}", "wanted is an absolute path"),
        ("address: 1.2.3.4, watch: {directory: ~x/d}", "one that begins with ~/"),
        (
            "address: 1.2.3.4, watch: {page: 'http://h', staging: /d}",
            "wanted is staging beside ssh alone",
        ),
        ("address: 1.2.3.4, watch: {staging: /d}", "directory, not nothing"),
        ("address: 1.2.3.4, watch: {pag: x}", "unknown key, did you mean 'page'?"),
        ("address: 1.2.3.4, period: 0.1", "wanted is a time from 0.2 to 3600 s"),
    ],
)
def test_mistakes_are_said_in_plain_words(
    router: Callable[[str], RouterSettings], text: str, problem: str
) -> None:
    with pytest.raises(ConfigProblems) as caught:
        router(text)
    (found,) = caught.value.problems
    assert problem in str(found)


@pytest.mark.parametrize("name", ["../x", "/x", "a/b", "a..b", "..", "-x", "a b", "~"])
def test_an_experiment_whose_directory_would_lie_elsewhere_is_refused(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / "e.yaml"
    path.write_text(f"experiment: '{name}'\nprefix: 'AT:'\n")
    with pytest.raises(ConfigProblems, match="a name good for a directory"):
        load(path, KINDS, {})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{directory: /data}", "{directory: /data/}"),
        ("{directory: ~/d}", "{directory: ~/x/../d}"),
        ("{page: 'http://h/p'}", "{page: 'http://h:80/p', ssh: a@b}"),
        ("{ssh: a@b}", "{ssh: a@b}"),
        ("{ssh: a@b, staging: /d}", "{ssh: a@b, staging: /d/.}"),
    ],
)
def test_two_routers_of_one_directory_are_found(
    tmp_path: Path, one: str, other: str
) -> None:
    file = tmp_path / "e.yaml"
    file.write_text(
        "experiment: e\nprefix: 'A:'\nrouters:\n"
        f"  data0: {{address: 1.2.3.4, watch: {one}}}\n"
        f"  data1: {{address: 1.2.3.5, watch: {other}}}\n"
    )
    with pytest.raises(ConfigProblems) as caught:
        load(file, KINDS, {})
    (problem,) = caught.value.problems
    assert "e.yaml:5: routers.data1.watch: polls the same files as another" in str(
        problem
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{ssh: a@b}, port: 46005", "{ssh: a@b}, port: 46006"),
        ("{ssh: a@b, staging: /d}", "{ssh: a@b, staging: /e}"),
        ("{ssh: a@b, staging: /d}", "{ssh: a@c, staging: /d}"),
        ("{directory: /data}", "{directory: /data/1}"),
    ],
)
def test_routers_of_different_directories_are_two(
    tmp_path: Path, one: str, other: str
) -> None:
    file = tmp_path / "e.yaml"
    file.write_text(
        "experiment: e\nprefix: 'A:'\nrouters:\n"
        f"  data0: {{address: 1.2.3.4, watch: {one}}}\n"
        f"  data1: {{address: 1.2.3.5, watch: {other}}}\n"
    )
    load(file, KINDS, {})


@pytest.mark.parametrize("text", [r"a\e[2J", r"a\nb", r"a\x9b", r"a\u202e"])
def test_a_description_has_no_control_characters(
    router: Callable[[str], RouterSettings], text: str
) -> None:
    with pytest.raises(ConfigProblems, match="without control characters"):
        router(f'address: 1.2.3.4, desc: "{text}"')
