from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from daqpv.config import AnyKind, Experiment, Kind, load, schema
from daqpv.ecc.easy_setup import easy_setup
from daqpv.ecc.settings import EccSettings
from daqpv.events.settings import LogSettings
from daqpv.routers import RouterSettings

ECC: Kind[EccSettings, Any] = Kind("ecc", EccSettings)
ROUTERS: Kind[RouterSettings, Any] = Kind("routers", RouterSettings)
LOG: Kind[LogSettings, Any] = Kind("log", LogSettings, many=False)
KINDS: tuple[AnyKind, ...] = (ECC, ROUTERS, LOG)


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Experiment]:
    """Write an experiment file, and load it."""

    def made(**answers: Any) -> Experiment:
        given: dict[str, Any] = {"experiment": "e20009", "prefix": "AT:", "cobos": 10}
        text = easy_setup(**given | {"first_ip": "192.168.41.60"} | answers)
        path = tmp_path / "e.yaml"
        path.write_text(text)
        data = YAML(typ="safe", pure=True).load(text)
        jsonschema.validate(data, json.loads(json.dumps(schema(KINDS))))
        return load(path, KINDS, {})

    return made


def test_ten_cobos_and_the_mutant_of_the_at_tpc(
    made: Callable[..., Experiment],
) -> None:
    experiment = made(mutant="192.168.41.1")
    ecc, routers = experiment.of(ECC), experiment.of(ROUTERS)
    assert list(ecc) == [*(f"CoBo{n}" for n in range(10)), "MuTAnT"]
    assert list(routers) == [f"data{n}" for n in range(10)]
    nine = ecc["CoBo9"]
    assert nine.url == "http://192.168.41.69:8083/"
    assert nine.role == "cobo"
    assert str(nine.config) == "cobo9/e20009/e20009"
    assert [(link.sender, link.router) for link in nine.links] == [("CoBo[9]", "data9")]
    assert routers["data9"].address == "192.168.41.69"
    assert (routers["data9"].port, routers["data9"].type) == (46005, "TCP")
    mutant = ecc["MuTAnT"]
    assert mutant.url == "http://192.168.41.1:8083/"
    assert mutant.role == "mutant"
    assert str(mutant.config) == "e20009/e20009/e20009"
    assert mutant.links == ()


def test_a_mutant_whose_router_has_an_address_gets_its_link(
    made: Callable[..., Experiment],
) -> None:
    experiment = made(mutant="192.168.41.1", mutant_router="192.168.41.2")
    (link,) = experiment.of(ECC)["MuTAnT"].links
    assert (link.sender, link.router) == ("Mutant[master]", "mutant")
    router = experiment.of(ROUTERS)["mutant"]
    assert (router.address, router.type) == ("192.168.41.2", "FDT")


@pytest.mark.parametrize("cobos", [1, 2, 11, 100, 196])
@pytest.mark.parametrize("mutant", [None, "192.168.41.1"])
@pytest.mark.parametrize("one_server", [False, True])
def test_every_size_loads_without_a_problem(
    made: Callable[..., Experiment], cobos: int, mutant: str | None, one_server: bool
) -> None:
    experiment = made(cobos=cobos, mutant=mutant, one_server=one_server)
    servers = (1 if one_server else cobos) + bool(mutant)
    assert len(experiment.of(ECC)) == servers
    assert len(experiment.of(ROUTERS)) == cobos
    links = [link for s in experiment.of(ECC).values() for link in s.links]
    assert len(links) == cobos


@pytest.mark.parametrize(("mutant", "role"), [(None, "all"), ("10.0.0.1", "cobo")])
def test_one_server_may_have_all_cobos(
    made: Callable[..., Experiment], mutant: str | None, role: str
) -> None:
    experiment = made(cobos=3, one_server=True, mutant=mutant)
    server = experiment.of(ECC)["ECC"]
    assert server.url == "http://192.168.41.60:8083/"
    assert server.role == role
    assert str(server.config) == "e20009/e20009/e20009"
    assert [(link.sender, link.router) for link in server.links] == [
        ("CoBo[0]", "data0"),
        ("CoBo[1]", "data1"),
        ("CoBo[2]", "data2"),
    ]
    assert experiment.of(ROUTERS)["data2"].address == "192.168.41.62"


def test_routers_may_have_addresses_of_their_own(
    made: Callable[..., Experiment],
) -> None:
    experiment = made(cobos=2, first_router_ip="10.1.1.5")
    assert experiment.of(ECC)["CoBo1"].url == "http://192.168.41.61:8083/"
    assert experiment.of(ROUTERS)["data1"].address == "10.1.1.6"


@pytest.mark.parametrize("experiment", ["1", "1e5", "null", "true", "a.b+c-d", "0x1"])
@pytest.mark.parametrize("prefix", ["AT:", "#:", "[a]:", "*:", "&a:", "a, b:"[:2], "%"])
def test_names_that_yaml_would_misread_are_quoted(
    made: Callable[..., Experiment], experiment: str, prefix: str
) -> None:
    loaded = made(experiment=experiment, prefix=prefix, cobos=1)
    assert (loaded.experiment, loaded.prefix) == (experiment, prefix)
    config = loaded.of(ECC)["CoBo0"].config
    assert config is not None
    assert config.prepare == experiment


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (
            {"first_ip": "192.168.41.250"},
            "first_ip: 10 addresses are wanted, and from 192.168.41.250 to .255 there "
            "are 6: begin lower, or add the others to the file by hand",
        ),
        ({"first_router_ip": "10.0.0.255"}, "first_router_ip: 10 addresses are wanted"),
        (
            {"first_ip": "cobo0"},
            "first_ip: 'cobo0' is given; wanted is an IPv4 address",
        ),
        (
            {"first_ip": "224.0.0.1"},
            "first_ip: '224.0.0.1' is given; wanted is an IPv4",
        ),
        ({"first_router_ip": "x"}, "first_router_ip: 'x' is given; wanted is an IPv4 "),
        (
            {"mutant": "x"},
            "mutant: 'x' is given; wanted is an IPv4 address like 192.16",
        ),
        (
            {"mutant": "192.168.41.63"},
            "mutant: 192.168.41.63 is the ECC server of CoBos",
        ),
        (
            {"mutant_router": "10.0.0.1"},
            "mutant_router: there is no MuTAnT: give the address",
        ),
        (
            {"mutant": "10.0.0.1", "mutant_router": "x"},
            "mutant_router: 'x' is given; wanted is an IPv4 address like 192.168.41.60",
        ),
        ({"cobos": 0}, "cobos: 0 is given; wanted is 1 or more"),
        ({"cobos": -1}, "cobos: -1 is given; wanted is 1 or more"),
        (
            {"experiment": "a/b"},
            "experiment: 'a/b' is given; wanted is a name good for",
        ),
        (
            {"prefix": "A B:"},
            "prefix: 'A B:' is given; wanted is 1 to 30 ASCII characte",
        ),
    ],
)
def test_what_cannot_be_set_up_is_said_with_its_key(
    made: Callable[..., Experiment], answers: dict[str, object], said: str
) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the text is looked at)
        made(**answers)
    assert str(caught.value).startswith(said)


def test_the_remarks_name_every_key_that_there_is() -> None:
    text = easy_setup(
        experiment="e", prefix="A:", cobos=1, first_ip="10.0.0.1", mutant="10.0.0.2"
    )
    keys = ["include", "defaults", "server", "log", *EccSettings.model_fields]
    for key in (*keys, *RouterSettings.model_fields):
        assert key in text, key


def test_the_examples_in_the_remarks_are_good_when_they_are_put_in(
    tmp_path: Path,
) -> None:
    text = easy_setup(experiment="e", prefix="A:", cobos=1, first_ip="10.0.0.1")
    lines = text.splitlines()
    for i, line in enumerate(lines):
        if line.startswith(("# defaults:", "#   ecc:", "#     timeout:")) or (
            line.startswith(("# server:", "# log:", "# include:"))
        ):
            lines[i] = line.removeprefix("# ")
    (tmp_path / "more.yaml").write_text("")
    path = tmp_path / "e.yaml"
    path.write_text("\n".join(lines))
    experiment = load(path, KINDS)
    assert experiment.of(ECC)["CoBo0"].timeout.configure == 240.0
    assert experiment.of(LOG)[""].file == tmp_path / "e.log"


def test_routers_are_watched_at_their_addresses() -> None:
    text = easy_setup(
        experiment="e20009",
        prefix="AT:",
        cobos=2,
        first_ip="192.168.41.60",
        mutant="192.168.41.1",
        mutant_router="192.168.41.2",
        watch="ssh: attpc@{address}",
    )
    for address in ("192.168.41.60", "192.168.41.61", "192.168.41.2"):
        assert f"address: {address}, port: 46005" in text
        assert f"watch: {{ssh: attpc@{address}}}}}\n" in text
