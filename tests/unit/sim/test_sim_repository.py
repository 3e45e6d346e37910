"""Configuration identifiers, data links and files of the simulated server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.sim.ecc.repository import (
    CommandError,
    MalformedIdError,
    Repository,
    format_id,
    format_links,
    format_senders,
    parse_id,
    parse_links,
)
from daqpv.sim.ecc.soap import Build

FILES = Repository(
    {"cobo1": ("CoBo[1]",), "cobo0": ("CoBo[0]",)}, ("e20020", "e20009"), ("p",)
)


def config_id(describe: str, prepare: str, configure: str) -> str:
    return (
        f'\t<ConfigId><SubConfigId type="describe">{describe}</SubConfigId>'
        f'<SubConfigId type="prepare">{prepare}</SubConfigId>'
        f'<SubConfigId type="configure">{configure}</SubConfigId></ConfigId>\n'
    )


def test_the_list_is_the_sorted_product_of_describe_and_configure_names() -> None:
    assert FILES.list_ids(Build.CURRENT) == (
        "<ConfigIdSet>\n"
        + config_id("cobo0", "e20009", "e20009")
        + config_id("cobo0", "e20020", "e20020")
        + config_id("cobo1", "e20009", "e20009")
        + config_id("cobo1", "e20020", "e20020")
        + "</ConfigIdSet>"
    )


def test_the_list_of_2014_has_all_triples() -> None:
    assert FILES.list_ids(Build.MAY_2014) == (
        "<ConfigIdSet>\n"
        + config_id("cobo0", "p", "e20009")
        + config_id("cobo0", "p", "e20020")
        + config_id("cobo1", "p", "e20009")
        + config_id("cobo1", "p", "e20020")
        + "</ConfigIdSet>"
    )


def test_an_empty_directory_is_an_empty_list() -> None:
    assert Repository({}, ()).list_ids(Build.CURRENT) == "<ConfigIdSet>\n</ConfigIdSet>"


def test_names_are_written_raw() -> None:
    listed = Repository({"a&b": ()}, ("<c>",)).list_ids(Build.CURRENT)
    assert listed == "<ConfigIdSet>\n" + config_id("a&b", "<c>", "<c>") + (
        "</ConfigIdSet>"
    )


FULL = (
    '<ConfigId><SubConfigId type="describe">d</SubConfigId>'
    '<SubConfigId type="prepare">p</SubConfigId>'
    '<SubConfigId type="configure">c</SubConfigId></ConfigId>'
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (FULL, {"describe": "d", "prepare": "p", "configure": "c"}),
        ('<?xml version="1.0" encoding="UTF-8"?>\n' + FULL, parse_id(FULL)),
        (
            "\n <ConfigId>\n<SubConfigId type='configure'>\n c \n</SubConfigId>"
            "<SubConfigId type='describe'> d  e </SubConfigId></ConfigId> ",
            {"configure": "c", "describe": "d e"},
        ),
        (
            '<ConfigId><SubConfigId type="describe">1</SubConfigId>'
            '<SubConfigId type="describe">2</SubConfigId></ConfigId>',
            {"describe": "1"},
        ),
        ('<ConfigId><SubConfigId type="hardware">h</SubConfigId></ConfigId>', None),
        ("<ConfigId><Other/></ConfigId>", {}),
        ("<Config/>", {}),
        ("<ConfigId>", {}),
        ("cobo0/e20009/e20009", {}),
        ("", {}),
    ],
)
def test_a_config_id_is_read_in_any_order_and_trimmed(
    text: str, parts: dict[str, str] | None
) -> None:
    assert parse_id(text) == ({"hardware": "h"} if parts is None else parts)


@pytest.mark.parametrize(
    "sub",
    [
        '<SubConfigId type="Describe">d</SubConfigId>',
        '<SubConfigId type="run">d</SubConfigId>',
        "<SubConfigId>d</SubConfigId>",
        '<SubConfigId type="describe"></SubConfigId>',
        '<SubConfigId type="describe"/>',
        '<SubConfigId type="describe">  </SubConfigId>',
        '<SubConfigId type="describe"><b>d</b></SubConfigId>',
    ],
)
def test_a_malformed_part_is_deadly_wherever_it_stands(sub: str) -> None:
    with pytest.raises(MalformedIdError):
        parse_id(FULL.replace("</ConfigId>", sub + "</ConfigId>"))


def test_a_config_id_is_repeated_sorted_and_without_blanks() -> None:
    assert format_id({"configure": "c", "describe": "d"}) == (
        '<ConfigId><SubConfigId type="describe">d</SubConfigId>'
        '<SubConfigId type="configure">c</SubConfigId></ConfigId>'
    )
    assert format_id({}) == "<ConfigId></ConfigId>"


def link(sender: str, router: str = "data0", rest: str = 'port="46005"') -> str:
    return (
        f'<DataLink><DataSender id="{sender}"/><DataRouter name="{router}" '
        f'ipAddress="192.168.41.60" {rest} type="TCP"/></DataLink>'
    )


def links_of(*links: str) -> str:
    return f"<DataLinkSet>{''.join(links)}</DataLinkSet>"


def test_links_are_sorted_by_sender_and_written_as_the_server_writes_them() -> None:
    table = links_of(link("CoBo[1]"), link("CoBo[0]", "data7"))
    assert format_links(parse_links(table, Build.CURRENT)) == (
        "<DataLinkSet>\n"
        '\t<DataLink><DataSender id="CoBo[0]" /><DataRouter  name="data7" '
        'ipAddress="192.168.41.60" port="46005" type="TCP" /></DataLink>\n'
        '\t<DataLink><DataSender id="CoBo[1]" /><DataRouter  name="data0" '
        'ipAddress="192.168.41.60" port="46005" type="TCP" /></DataLink>\n'
        "</DataLinkSet>"
    )


def test_the_second_link_of_a_sender_is_dropped_but_by_the_build_of_2014() -> None:
    table = links_of(link("CoBo[0]"), link("CoBo[0]", "exporter0"))
    routers = [x.router for x in parse_links(table, Build.CURRENT)]
    assert routers == ["data0"]
    routers = [x.router for x in parse_links(table, Build.MAY_2014)]
    assert routers == ["data0", "exporter0"]


@pytest.mark.parametrize("port", ["65536", "-1", "", "x", "46005.0", "99999999999"])
def test_a_link_whose_port_is_none_is_dropped(port: str) -> None:
    assert (
        parse_links(links_of(link("A[0]", rest=f'port="{port}"')), Build.CURRENT) == []
    )


@pytest.mark.parametrize(
    "table",
    ["", "x", "<DataLinkSet>", "<Other/>", links_of("<DataLink/>"), links_of(link(""))],
)
def test_what_is_no_link_is_none(table: str) -> None:
    assert parse_links(table, Build.CURRENT) == []


def test_a_link_without_a_type_has_one_that_no_board_knows() -> None:
    table = links_of(link("CoBo[0]").replace(' type="TCP"', ""))
    assert [x.type for x in parse_links(table, Build.CURRENT)] == ["Tcp"]


def test_senders_are_sorted() -> None:
    assert format_senders(("CoBo[1]", "CoBo[0]")) == (
        '<DataSenderSet>\n\t<DataSender id="CoBo[0]" />\n'
        '\t<DataSender id="CoBo[1]" />\n</DataSenderSet>'
    )


def test_a_config_set_holds_the_files_that_were_used_and_the_hardware_file() -> None:
    files = Repository(
        {"cobo0": ("CoBo[0]",)},
        ("c",),
        files={"configure-c.xcfg": "<C/>\n", "hardwareDescription_get.xcfg": "<H/>"},
    )
    parts = {"describe": "cobo0", "prepare": "c", "configure": "c"}
    text = files.config_set(parts, Build.CURRENT)
    assert text.startswith(
        '<ConfigSet>\n<File filename="describe-cobo0.xcfg" format="xcfg" '
        'subConfigType="describe" subConfigId="cobo0">\n'
    )
    assert '<Node id="CoBo"><Instance id="0">' in text
    assert text.endswith(
        '<File filename="prepare-c.xcfg" format="xcfg" subConfigType="prepare" '
        'subConfigId="c">\n<C/>\n</File>\n'
        '<File filename="configure-c.xcfg" format="xcfg" subConfigType="configure" '
        'subConfigId="c">\n<C/>\n</File>\n'
        '<File filename="hardwareDescription_get.xcfg" format="xcfg" '
        'subConfigType="hardware" subConfigId="get">\n<H/></File>\n</ConfigSet>'
    )


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(CommandError, match="Configuration 'x' does not exist"):
        FILES.config_set({"describe": "x"}, Build.CURRENT)


@pytest.mark.parametrize(
    ("build", "name", "exists"),
    [
        (Build.CURRENT, "e20009", True),
        (Build.CURRENT, "p", False),
        (Build.MAY_2014, "p", True),
        (Build.MAY_2014, "e20009", False),
    ],
)
def test_prepare_opens_the_configure_file_but_in_the_build_of_2014(
    build: Build, name: str, exists: bool
) -> None:
    if exists:
        FILES.check("prepare", name, build)
    else:
        with pytest.raises(CommandError):
            FILES.check("prepare", name, build)


@given(st.text(max_size=100))
def test_no_text_breaks_the_readers(text: str) -> None:
    assert parse_links(text, Build.CURRENT) == []
    assert parse_id(text) == {}
