"""What a simulated ECC server makes of configurations, links and boards."""

from __future__ import annotations

import re
from html import unescape

import pytest

from daqpv.sim.ecc import Build, EccSimulator, Repository
from tests.support.sim import CODES, CONFIG, LINKS, WAYS, Client, request


async def test_describe_prepare_configure_read_the_config_id_in_any_state(
    client: Client,
) -> None:
    for state, way in WAYS.items():
        await client.walk(way)
        for method, code in (("Describe", 1), ("Prepare", 2), ("Configure", 3)):
            for config in ("", "nonsense", "<ConfigId/>"):
                assert await client.do(method, config) == (
                    code,
                    "Configuration identifier '<ConfigId></ConfigId>' is not valid.",
                    "",
                )
        assert (await client.state())[2] == state
        await client.simulator.restart()


async def test_only_the_part_that_an_operation_needs_must_be_there(
    client: Client,
) -> None:
    part = '<ConfigId><SubConfigId type="{}">{}</SubConfigId></ConfigId>'
    describe = part.format("describe", "cobo0")
    assert (await client.do("Describe", describe))[0] == 0
    assert await client.do("Prepare", describe) == (
        2,
        f"Configuration identifier '{describe}' is not valid.",
        "",
    )
    assert (await client.do("Prepare", part.format("prepare", " \n e20009 ")))[0] == 0
    assert (await client.do("Configure", part.format("configure", "e20009")))[0] == 0
    assert (await client.state())[2] == 4


@pytest.mark.parametrize(
    ("state", "method"), [(1, "Describe"), (2, "Prepare"), (3, "Configure")]
)
async def test_a_file_that_does_not_exist_is_an_error_only_where_it_is_opened(
    client: Client, state: int, method: str
) -> None:
    config = CONFIG.replace("cobo0", "gone").replace("e20009", "gone")
    await client.walk(WAYS[state])
    assert await client.do(method, config) == (
        CODES[method],
        "Configuration 'gone' does not exist.",
        "",
    )
    assert (await client.state())[2] == state
    await client.simulator.restart()
    await client.walk(WAYS[5])
    assert (await client.do(method, config))[:2] == (0, "")


async def test_the_directory_is_read_anew_at_each_call(
    client: Client, simulator: EccSimulator
) -> None:
    simulator.repository.configures = ("new",)
    assert "new" in (await client.do("GetConfigIDs"))[2]
    simulator.repository.describes = {}
    assert (await client.do("GetConfigIDs"))[2] == "<ConfigIdSet>\n</ConfigIdSet>"


async def test_get_config_ids_lists_the_product_and_in_2014_all_triples() -> None:
    files = Repository({"b": (), "a&": ()}, ("y", "x"), ("p",))
    for build, prepare in ((Build.CURRENT, None), (Build.MAY_2014, "p")):
        async with EccSimulator("X", repository=files) as simulator:
            simulator.behaviour.build = build
            answer = await Client(simulator).exchange(request("GetConfigIDs"))
        text = unescape(answer.split("<Text>")[1].split("</Text>")[0])
        assert text == "<ConfigIdSet>\n" + "".join(
            f'\t<ConfigId><SubConfigId type="describe">{describe}</SubConfigId>'
            f'<SubConfigId type="prepare">{prepare or configure}</SubConfigId>'
            f'<SubConfigId type="configure">{configure}</SubConfigId></ConfigId>\n'
            for describe in ("a&", "b")
            for configure in ("x", "y")
        ) + ("</ConfigIdSet>")


async def test_describe_answers_its_senders_even_when_it_is_ignored(
    client: Client,
) -> None:
    senders = '<DataSenderSet>\n\t<DataSender id="CoBo[0]" />\n</DataSenderSet>'
    assert await client.do("Describe") == (0, "", senders)
    await client.walk("Prepare")
    assert await client.do("Describe") == (0, "", senders)


async def test_configure_answers_links_and_files(client: Client) -> None:
    await client.walk(WAYS[3])
    code, message, text = await client.do("Configure")
    assert (code, message) == (0, "")
    links, _, files = text.partition("\n<ConfigSet>")
    assert links == (
        '<DataLinkSet>\n\t<DataLink><DataSender id="CoBo[0]" /><DataRouter  '
        'name="data0" ipAddress="192.168.41.60" port="46005" type="TCP" /></DataLink>\n'
        "</DataLinkSet>"
    )
    assert re.findall('<File filename="([^"]+)"', files) == [
        "describe-cobo0.xcfg",
        "prepare-e20009.xcfg",
        "configure-e20009.xcfg",
        "hardwareDescription_get.xcfg",
    ]


async def test_an_ignored_configure_answers_the_files_opened_so_far(
    client: Client,
) -> None:
    code, message, text = await client.do("Configure")
    assert (code, message) == (3, "Configuration '' does not exist.")
    assert text == "<DataLinkSet>\n</DataLinkSet>\n"
    await client.walk("Describe")
    code, message, text = await client.do("Configure")
    assert (code, message) == (0, "")
    assert re.findall('subConfigType="([a-z]+)"', text) == ["describe", "hardware"]
    assert (await client.state())[2] == 2


async def test_back_in_idle_boards_and_links_are_forgotten(client: Client) -> None:
    await client.walk("Describe Prepare Configure Breakup")
    assert "<DataLink>" in (await client.do("Configure"))[2]
    await client.walk("Breakup Undo")
    assert "<DataLink>" in (await client.do("Configure"))[2]
    assert (await client.special("asad-inject 1"))[0] == 0
    await client.walk("Undo")
    assert "<DataLink>" not in (await client.do("Configure"))[2]
    assert (await client.special("asad-inject 1"))[0] == 1


@pytest.mark.parametrize(
    ("links", "message"),
    [
        ("", "Could not find a valid data router for data sender 'CoBo[0]'"),
        (
            LINKS.replace("CoBo[0]", "CoBo[1]"),
            "Could not find a valid data router for data sender 'CoBo[0]'",
        ),
        (
            LINKS.replace("46005", "66005"),
            "Could not find a valid data router for data sender 'CoBo[0]'",
        ),
        (
            LINKS.replace("TCP", "tcp"),
            "Could not connect data sender 'CoBo[0]' to its data router: "
            "Unknown data sender type 'tcp'",
        ),
        (
            LINKS.replace(' type="TCP"', ""),
            "Could not connect data sender 'CoBo[0]' to its data router: "
            "Unknown data sender type 'Tcp'",
        ),
    ],
    ids=["none", "of another", "no port", "lower case", "no type"],
)
async def test_configure_without_a_good_link_fails(
    client: Client, links: str, message: str
) -> None:
    await client.walk(WAYS[3])
    assert await client.do("Configure", table=links) == (3, message, "")
    assert (await client.state())[2] == 3
    await client.walk("Configure")


@pytest.mark.parametrize("kind", ["ICE", "TCP", "ZBUF", "FDT", "Debug", "DebugFrames"])
async def test_the_router_types_of_the_boards_are_known(
    client: Client, kind: str
) -> None:
    await client.walk(WAYS[3])
    assert (await client.do("Configure", table=LINKS.replace("TCP", kind)))[0] == 0


async def test_boards_without_read_out_need_no_link() -> None:
    files = Repository({"cobo0": ()}, ("e20009",))
    async with EccSimulator("M", repository=files) as simulator:
        simulator.behaviour.speed = 1000
        client = Client(simulator)
        await client.walk("Describe Prepare")
        assert (await client.do("Configure", table=""))[0] == 0
        await client.walk("Start")


@pytest.mark.parametrize(
    ("mutants", "message"),
    [
        (("Mutant[master]",), "Status register indicates master shelf is not ready!"),
        (
            ("Mutant[slave]",),
            "0 of the 1 MuTanT module(s) have been declared as master!",
        ),
        (
            ("Mutant[master]", "Mutant[s1]", "Mutant[s2]", "Mutant[s3]"),
            "There can be at most 2 MuTanT slave modules!",
        ),
    ],
)
async def test_configure_of_a_mutant_checks_its_shelf(
    mutants: tuple[str, ...], message: str
) -> None:
    files = Repository({"cobo0": mutants}, ("e20009",))
    async with EccSimulator("MuTAnT", repository=files) as simulator:
        simulator.behaviour.speed = 1000
        simulator.behaviour.is_shelf_ready = lambda: False
        client = Client(simulator)
        await client.walk("Describe Prepare")
        assert await client.do("Configure") == (3, message, "")


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("Reset x", 1, "Special command 'reset' is unknown."),
        ("", 1, "Special command '' is unknown."),
        ("connect TCP data0", 0, ""),
        ("ASAD-inject 100", 0, ""),
        ("write reg field 0x1F", 0, ""),
        ("writereg reg 7", 0, ""),
        ("writereg reg", 1, "Could not parse arguments for command 'writereg'."),
    ],
)
async def test_special_commands_are_known_or_not(
    client: Client, command: str, code: int, message: str
) -> None:
    await client.walk("Describe")
    assert await client.special(command) == (code, message, "")
    assert client.simulator.requests[-1].config_id == command


async def test_special_commands_for_boards_need_some(client: Client) -> None:
    assert await client.special("asad-inject 100") == (
        1,
        "Could not connect to AsAd pulser manager. ",
        "",
    )
