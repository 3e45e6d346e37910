"""Configurations and data links: chosen, checked, sent."""

from __future__ import annotations

import re
from typing import Any

import epics
import pytest
from epics import dbr

NONE = ["nosuch/exp/exp", "a/b", "//", "", " / / ", "cobo0/exp/exp/x", "cobo0//exp"]


def configured(server: Any) -> list[tuple[str, str]]:
    """Operation and the name that it was given, of those that take one."""
    found = []
    for request in server.requests():
        parts = re.findall(
            r'<SubConfigId type="(\w+)">([^<]*)</SubConfigId>', request["config_id"]
        )
        part = request["method"].lower()
        found += [(part, name) for kind, name in parts if kind == part]
    return found


def test_the_parts_of_the_choice_reach_the_server(other: Any) -> None:
    describe, prepare, configure = other.get("Config").split("/")
    other.put("State", "Ready")
    assert configured(other) == [
        ("describe", describe), ("prepare", prepare), ("configure", configure),
    ]  # fmt: skip


def test_both_routers_of_a_sender_reach_the_server_in_their_order(cobo: Any) -> None:
    cobo.put("State", "Ready")
    (request,) = (one for one in cobo.requests() if one["method"] == "Configure")
    links = re.findall(
        r'id="([^"]*)".*?name="([^"]*)".*?port="([^"]*)".*?type="([^"]*)"',
        request["table"],
    )
    assert links == [
        ("CoBo[0]", "data0", "46005", "TCP"),
        ("CoBo[0]", "exporter", "46007", "ZBUF"),
    ]


@pytest.mark.parametrize("name", ["Config", "Config$", "Config.VAL$"])
def test_a_choice_as_an_array_of_characters(other: Any, name: str) -> None:
    long = other.get("Config")
    other.put("Config", "cobo1/exp/exp")
    other.put(name, long)
    assert other.get("Config") == long


def test_a_choice_as_a_string(cobo: Any) -> None:
    cobo.put_as("Config", dbr.STRING, "cobo0/deep/exp")
    assert cobo.get("Config") == "cobo0/deep/exp"
    assert cobo.get("ConfigPrepare") == "deep"


def test_a_choice_is_shown_before_the_callback(cobo: Any) -> None:
    config, result = cobo.monitor("Config"), cobo.monitor("Result")
    cobo.put("Config", "cobo0/deep/exp")
    assert config.texts[-1] == "cobo0/deep/exp"
    assert result.texts[-2:] == ["Busy", "Done"]


@pytest.mark.parametrize("text", NONE)
def test_a_choice_that_is_none_or_not_listed_is_refused(cobo: Any, text: str) -> None:
    cobo.refused("Config", text)
    assert cobo.get("Config") == "cobo0/exp/exp"
    assert cobo.sent() == []


def test_an_unlisted_choice_is_answered_with_the_nearest(cobo: Any) -> None:
    assert "Did you mean cobo0/exp/exp?" in cobo.refused("Config", "cobo0/exp/exq")


def test_a_choice_that_fills_the_pv_is_refused(cobo: Any) -> None:
    assert "is not describe/prepare/configure" in cobo.refused("Config", "x" * 3999)


@pytest.mark.parametrize(
    ("state", "may_change"),
    [
        ("Idle", {"describe", "prepare", "configure"}),
        ("Described", {"prepare", "configure"}),
        ("Prepared", {"configure"}),
        ("Ready", set()),
        ("Running", set()),
    ],
)
def test_a_part_may_change_until_the_server_has_used_it(
    cobo: Any, other: Any, state: str, may_change: set[str]
) -> None:
    cobo.put("State", state)
    first = cobo.get("Config")
    long = other.get("Config").rpartition("/")[2]
    for part, text in (
        ("describe", "cobo1/exp/exp"),
        ("prepare", "cobo0/deep/exp"),
        ("configure", f"cobo0/exp/{long}"),
    ):
        if part in may_change:
            cobo.put("Config", text)
            assert cobo.get("Config") == text
            cobo.put("Config", first)
        else:
            assert f"the {part} part" in cobo.refused("Config", text)


def test_the_list_holds_one_configuration_a_line(cobo: Any) -> None:
    lines = cobo.get("ConfigList").splitlines()
    assert "cobo0/exp/exp" in lines
    assert all(line.count("/") == 2 and all(line.split("/")) for line in lines)


def test_the_list_can_be_filtered(cobo: Any) -> None:
    whole = cobo.get("ConfigList")
    cobo.put("ConfigFilter", "nosuch")
    note = f"... {len(whole.splitlines())} do not match ConfigFilter"
    assert cobo.get("ConfigList") == note
    cobo.put("ConfigFilter", "")
    assert cobo.get("ConfigList") == whole


def test_the_list_is_read_again_on_request(cobo: Any) -> None:
    cobo.put("RefreshConfigs", "1")
    assert [one["method"] for one in cobo.requests()].count("GetConfigIDs") == 1
    assert cobo.get("RefreshConfigs") == "Done"


def test_without_a_configuration_the_way_up_is_refused_with_the_cure(bare: Any) -> None:
    said = bare.refused("State", "Ready")
    listed = bare.get("ConfigList").splitlines()
    assert f"caput -S {bare.prefix}Config {listed[0]}" in said
    assert bare.get("State") == "Idle"


def test_what_the_file_names_and_the_server_does_not_list_is_refused(
    unlisted: Any,
) -> None:
    said = unlisted.refused("State", "Described")
    assert "does not list the configuration nosuch/exp/exp" in said
    assert unlisted.prefix + "ConfigList" in said


def test_a_long_text_can_be_followed(other: Any) -> None:
    config = other.monitor("Config")
    assert config.texts == [other.get("Config")]
    assert epics.ca.element_count(other.channel("Config")) > len(config.texts[0])
