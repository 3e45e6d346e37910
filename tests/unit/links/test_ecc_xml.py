"""The XML of the ECC protocol, without a connection."""

from __future__ import annotations

import logging
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from daqpv.ecc import ConfigId, DataLink, EccState, OperationAnswer, Transition
from daqpv.links.soap import xml as ecc_xml

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:ecc="urn:ecc"><SOAP-ENV:Body>'
)
TAIL = "</SOAP-ENV:Body></SOAP-ENV:Envelope>"

xml_text = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff").filter(
        lambda c: c >= " " or c in "\t\n\r"
    )
)
names = xml_text.map(str.strip).filter(bool)


@pytest.fixture(autouse=True, scope="module")
def prepared() -> None:
    ecc_xml.prepare()  # it takes longer than Hypothesis likes to wait


def answer(content: str) -> bytes:
    return f"{HEAD}{content}{TAIL}".encode()


def text_answer(text: str) -> bytes:
    text = escape(text, {"\r": "&#13;"})
    return answer(
        "<ecc:ResponseText><ErrorCode>0</ErrorCode><ErrorMessage></ErrorMessage>"
        f"<Text>{text}</Text></ecc:ResponseText>"
    )


def describe(text: str) -> OperationAnswer:
    return ecc_xml.operation_answer("Describe", text_answer(text))


@given(xml_text)
def test_any_text_of_an_answer_arrives_as_it_was_sent(text: str) -> None:
    assert describe(text).text == text


@given(xml_text)
def test_any_text_of_a_request_leaves_as_it_was_given(text: str) -> None:
    root = etree.fromstring(ecc_xml.request("Special", text, ""))
    assert root.findtext(".//{urn:ecc}command") == text


@given(st.builds(ConfigId, names, names, names))
def test_any_configuration_survives_both_ways(config: ConfigId) -> None:
    listed = f"<ConfigIdSet>\n\t{ecc_xml.config_xml(config)}\n</ConfigIdSet>"
    assert ecc_xml.read_configs(describe(listed).text) == (config,)


links = st.builds(
    DataLink,
    names,
    names,
    names,
    st.integers(1, 65535),
    st.sampled_from(["TCP", "FDT"]),
)


@given(st.lists(links))
def test_any_data_links_survive_in_their_order(given_links: list[DataLink]) -> None:
    root = etree.fromstring(ecc_xml.links_xml(given_links))
    seen = []
    for sender, router in root:
        of = router.attrib
        seen.append(
            DataLink(
                str(sender.attrib["id"]),
                *(str(of["name"]), str(of["ipAddress"])),
                int(of["port"]),
                str(of["type"]),
            )
        )
    assert seen == given_links


@pytest.mark.parametrize("empty", ["", " ", "\n\t"])
@pytest.mark.parametrize("part", ["describe", "prepare", "configure"])
def test_a_configuration_with_an_empty_part_is_not_written(
    part: str, empty: str
) -> None:
    names = {"describe": "d", "prepare": "p", "configure": "c"} | {part: empty}
    with pytest.raises(ValueError, match=f"has no {part} part"):
        ecc_xml.config_xml(ConfigId(**names))


@pytest.mark.parametrize("text", ["\x00", "\x1b[1m", "\ud800"])
def test_what_xml_cannot_carry_is_not_written(text: str) -> None:
    with pytest.raises(ValueError, match="Special cannot be sent"):
        ecc_xml.request("Special", text, "")


@pytest.mark.parametrize("prefix", ["", "ecc:"])
@pytest.mark.parametrize("empty", ["<{}/>", "<{}></{}>", "<{} />"])
def test_children_are_taken_with_and_without_prefix_and_empty_in_any_form(
    empty: str, prefix: str
) -> None:
    message = empty.replace("{}", f"{prefix}ErrorMessage")
    content = (
        f"<ecc:ResponseState><{prefix}ErrorCode>0</{prefix}ErrorCode>{message}"
        f"<{prefix}State>3</{prefix}State><{prefix}Transition>8</{prefix}Transition>"
        "</ecc:ResponseState>"
    )
    found = ecc_xml.state_answer("GetState", answer(content))
    assert found.state is EccState.PREPARED
    assert found.transition is Transition.BREAKING_UP
    assert found.error_message == ""


def test_the_type_that_a_sender_gives_to_an_element_changes_nothing() -> None:
    content = (
        '<ecc:ResponseText xsi:type="ecc:ResponseState">'
        '<ErrorCode xsi:type="xsd:string">3</ErrorCode>'
        '<ErrorMessage xsi:type="no:such">no</ErrorMessage>'
        '<Text xsi:nil="true"/></ecc:ResponseText>'
    )
    found = ecc_xml.operation_answer("Configure", answer(content))
    assert found == OperationAnswer(3, "no", "")


def test_serverexit_is_answered_without_a_text() -> None:
    content = "<ecc:Response><ErrorCode>0</ErrorCode><ErrorMessage/></ecc:Response>"
    assert ecc_xml.operation_answer("ServerExit", answer(content)) == OperationAnswer(0)


STATE = (
    "<ecc:ResponseState><ErrorCode>{}</ErrorCode><ErrorMessage/><State>{}</State>"
    "<Transition>{}</Transition></ecc:ResponseState>"
)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (STATE.format(0, 7, 0), "its State is 7"),
        (STATE.format(0, -1, 0), "its State is -1"),
        (STATE.format(0, 1, 10), "its Transition is 10"),
        (STATE.format("x", 1, 0), "its ErrorCode is not a number"),
        (STATE.format("", 1, 0), "its ErrorCode is not a number"),
        (STATE.format(0, "1.0", 0), "its State is not a number"),
        (STATE.format(0, "<b>1</b>", 0), "elements where text belongs"),
        ("<ecc:ResponseState/>", "its ErrorCode is not a number"),
        ("<ecc:ResponseState>1</ecc:ResponseState>", "its ErrorCode is not a number"),
        (
            "<ecc:ResponseState><ErrorCode>0</ErrorCode></ecc:ResponseState>",
            "its State is not a number",
        ),
        (
            "<ecc:ResponseState><State>0</State></ecc:ResponseState>",
            "Unexpected element 'State'",
        ),
        (
            "<ecc:ResponseState><ErrorCode>0</ErrorCode><ErrorMessage/><State>1</State>"
            "<Transition>0</Transition><More/></ecc:ResponseState>",
            "Unexpected element 'More'",
        ),
        ("<ecc:ResponseText><ErrorCode>0</ErrorCode></ecc:ResponseText>", "it holds"),
        ("<ResponseState/>", "it holds ResponseState, not {urn:ecc}ResponseState"),
        (STATE.format(0, 1, 0) * 2, "no SOAP answer"),
        ("", "no SOAP answer"),
    ],
)
def test_an_answer_that_makes_no_sense_is_refused_in_words(
    content: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        ecc_xml.state_answer("GetState", answer(content))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not XML"),
        (b"hello", "not XML .* begins with b'hello'"),
        (b"<html><body>nginx</body></html>", "no SOAP answer"),
        (b"<!DOCTYPE html><html/>", "document type of its own"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document type of its own"),
        (answer("").replace(b"/envelope/", b"/soap-envelope/"), "no SOAP answer"),
        (answer(STATE.format(0, 1, 0))[:-1], "not XML"),
        (text_answer("x").decode().encode("utf-16"), "not XML"),
    ],
)
def test_what_is_not_soap_is_refused_with_the_likely_cause(
    body: bytes, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        ecc_xml.state_answer("GetState", body)
    assert str(caught.value).endswith("(getEccSoapServer)?")


def test_no_external_entity_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    body = f'<!DOCTYPE a [<!ENTITY b SYSTEM "{secret.as_uri()}">]>'.encode()
    body += answer(STATE.format(0, 1, "&b;")).split(b"\n", 1)[1]
    with pytest.raises(ValueError, match="document type of its own"):
        ecc_xml.state_answer("GetState", body)


def test_garbage_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(ValueError, match="number"):
        ecc_xml.state_answer("GetState", answer(STATE.format(0, "x", 0)))
    assert not caplog.records


@given(st.binary() | xml_text.map(answer))
def test_any_body_is_an_answer_or_a_value_error(body: bytes) -> None:
    for read in (ecc_xml.state_answer, ecc_xml.operation_answer):
        with pytest.raises(ValueError, match=r"\w"):
            read("GetState", body)
    assert ecc_xml.fault(body) is None


def fault(inside: str) -> bytes:
    return answer(f"<SOAP-ENV:Fault>{inside}</SOAP-ENV:Fault>")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            fault(
                "<faultcode>SOAP-ENV:Client</faultcode>"
                "<faultstring>Method 'X'\n not implemented</faultstring>"
            ),
            "Method 'X' not implemented",
        ),
        (fault("<faultstring/>"), "a Fault without words"),
        (fault(""), "a Fault without words"),
        (answer(STATE.format(0, 1, 0)), None),
        (b"<html/>", None),
        (b"", None),
    ],
)
def test_a_fault_is_told_in_its_words(body: bytes, words: str | None) -> None:
    assert ecc_xml.fault(body) == words


def entry(**parts: str) -> str:
    inside = "".join(
        f"<SubConfigId type={quoteattr(kind)}>{name}</SubConfigId>"
        for kind, name in parts.items()
    )
    return f"<ConfigId>{inside}</ConfigId>"


@pytest.mark.parametrize("text", ["", "\n", "<ConfigIdSet>\n</ConfigIdSet>"])
def test_a_server_without_configurations_lists_none(text: str) -> None:
    assert ecc_xml.read_configs(text) == ()


def test_listed_entries_that_lack_a_name_are_left_out_and_order_is_kept() -> None:
    text = (
        "<ConfigIdSet>\n\t"
        + entry(describe="cobo1", prepare="e20009", configure="e20009")
        + entry(describe="cobo0", prepare="e20009")
        + entry(describe="cobo0", prepare="", configure="e20009")
        + entry(describe="cobo0", prepare=" \n", configure="e20009")
        + entry(Describe="cobo0", prepare="e20009", configure="e20009")
        + entry(describe="a<b/>c", prepare="e20009", configure="e20009")
        + "<ConfigId/><Other/>"
        + entry(configure="e20009", prepare=" p ", describe="cobo0")
        + "\n</ConfigIdSet>"
    )
    assert ecc_xml.read_configs(text) == (
        ConfigId("cobo1", "e20009", "e20009"),
        ConfigId("cobo0", "p", "e20009"),
    )


@pytest.mark.parametrize("name", ["R&D", "a<b", "a&b;"])
def test_an_unreadable_list_names_the_likely_cause(name: str) -> None:
    listed = entry(describe=name, prepare="p", configure="c")
    with pytest.raises(ValueError, match=r"file name .* may hold & or <: rename"):
        ecc_xml.read_configs(f"<ConfigIdSet>{listed}</ConfigIdSet>")


def test_a_list_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="is <html>, not ConfigIdSet"):
        ecc_xml.read_configs("<html/>")


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"AsAd &#x1B;[31m0&#27;[0m", r"AsAd \x1b[31m0\x1b[0m"),
        (b"a&#0;b&#x0000;c", r"a\x00b\x00c"),
        (b"a\x1b\x00\x08b", r"a\x1b\x00\x08b"),
        (b"caf\xe9 \xff", r"caf\xe9 \xff"),
        (b"&#xD800;&#xFFFF;&#x7FFFFFFF;\xef\xbf\xbf", r"\ud800\uffff\u7fffffff\uffff"),
        (b"&#x1B; caf&#233; \xce\xb1 &amp; &#9;x", "\\x1b caf\u00e9 \u03b1 & \tx"),
    ],
)
def test_what_xml_forbids_in_a_reason_is_written_out(sent: bytes, read: str) -> None:
    head, _, tail = answer(
        "<ecc:ResponseText><ErrorCode>7</ErrorCode><ErrorMessage>|</ErrorMessage>"
        "<Text></Text></ecc:ResponseText>"
    ).partition(b"|")
    found = ecc_xml.operation_answer("Describe", head + sent + tail)
    assert (found.error_code, found.error_message) == (7, read)


@given(st.binary(max_size=60))
def test_no_bytes_in_a_reason_are_worse_than_no_answer(sent: bytes) -> None:
    head, _, tail = answer(
        "<ecc:ResponseText><ErrorCode>7</ErrorCode><ErrorMessage>|</ErrorMessage>"
        "<Text></Text></ecc:ResponseText>"
    ).partition(b"|")
    body = head + sent.replace(b"<", b"").replace(b"&", b"") + tail
    assert ecc_xml.operation_answer("Describe", body).error_code == 7


@pytest.mark.parametrize("code", ["9" * 400, "-" + "9" * 400, str(2**31), "9" * 5000])
def test_an_error_code_is_a_number_of_32_bits(code: str) -> None:
    body = answer(
        f"<ecc:ResponseText><ErrorCode>{code}</ErrorCode><ErrorMessage></ErrorMessage>"
        "<Text></Text></ecc:ResponseText>"
    )
    with pytest.raises(ValueError, match="ErrorCode is not a number of 32 bits"):
        ecc_xml.operation_answer("Describe", body)
