"""Reading and writing SOAP as a gSOAP server does. All bytes are literal."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daqpv.sim.ecc.soap import (
    Answer,
    Build,
    Call,
    Request,
    SilentError,
    Soap,
    SoapError,
    envelope,
    fault_body,
)

NS_1_1 = "http://schemas.xmlsoap.org/soap/envelope/"
NS_1_2 = "http://www.w3.org/2003/05/soap-envelope"


def message(body: str, soap: str = NS_1_1) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<s:Envelope xmlns:s="{soap}"><s:Body>{body}</s:Body></s:Envelope>'
    ).encode()


def describe(children: str) -> bytes:
    return message(f'<e:Describe xmlns:e="urn:ecc">{children}</e:Describe>')


def read(data: bytes, step: int | None = None) -> Call | None:
    request, step = Request(), step or len(data) or 1
    for start in range(0, len(data), step):
        if call := request.feed(data[start : start + step]):
            return call
    return None


ACCEPTED = {
    "default namespace": '<Describe xmlns="urn:ecc"><configID>a</configID>'
    "<table>b</table></Describe>",
    "any prefix, children plain": '<p:Describe xmlns:p="urn:ecc"><configID>a</configID>'
    "<table>b</table></p:Describe>",
    "children without namespace": '<Describe xmlns="urn:ecc">'
    '<configID xmlns="">a</configID><table xmlns="">b</table></Describe>',
    "children in a foreign default namespace": '<p:Describe xmlns:p="urn:ecc">'
    '<configID xmlns="urn:x">a</configID><table xmlns="urn:y">b</table></p:Describe>',
    "children swapped": '<Describe xmlns="urn:ecc"><table>b</table>'
    "<configID>a</configID></Describe>",
    "unknown children": '<Describe xmlns="urn:ecc"><x>1</x><configID>a</configID>'
    "<y><configID>z</configID></y><table>b</table></Describe>",
    "a child twice, the first is kept": '<Describe xmlns="urn:ecc">'
    "<configID>a</configID><configID>z</configID><table>b</table></Describe>",
    "comments": '<Describe xmlns="urn:ecc"><!-- c --><configID>a<!-- d --></configID>'
    "<table>b</table></Describe>",
    "wrong closing tags": '<p:Describe xmlns:p="urn:ecc"><configID>a</configID>'
    "<table>b</tabel></p:Describe>",
    "CDATA": '<Describe xmlns="urn:ecc"><configID><![CDATA[a]]></configID>'
    "<table><![CDATA[b]]></table></Describe>",
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_form_that_gsoap_accepts_is_accepted(body: str) -> None:
    assert read(message(body)) == Call("Describe", {"configID": "a", "table": "b"})


DROPPED = {
    "children prefixed": "<e:configID>a</e:configID><e:table>b</e:table>",
    "children with an undeclared prefix": "<z:configID>a</z:configID>",
    "after a stray text": "stray<configID>a</configID><table>b</table>",
    "no children": "",
    "empty children": "<configID/><table></table>",
}


@pytest.mark.parametrize("children", DROPPED.values(), ids=DROPPED.keys())
def test_children_that_gsoap_drops_arrive_as_empty_strings(children: str) -> None:
    assert read(describe(children)) == Call("Describe", {"configID": "", "table": ""})


@pytest.mark.parametrize(
    ("sent", "read_as"),
    [
        ("&lt;a b=&quot;c&quot;/&gt;", '<a b="c"/>'),
        ("<![CDATA[<a/> &amp;]]>", "<a/> &amp;"),
        (
            '\n<ConfigId><SubConfigId type="describe"> x </SubConfigId></ConfigId>\n',
            '\n<ConfigId><SubConfigId type="describe"> x </SubConfigId></ConfigId>\n',
        ),
        ("pre &lt; <A>z &amp; y</A> post", "pre < <A>z & y</A> post"),
        ('<k:A xmlns:k="urn:k" k:b="1"/>', '<k:A xmlns:k="urn:k" k:b="1"/>'),
        ('<A xmlns="urn:k"><B/></A>', '<A xmlns="urn:k"><B/></A>'),
        ("\N{EURO SIGN} \N{LATIN SMALL LETTER E WITH ACUTE}", "\xac \xe9"),
        ("  a b \n ", "  a b \n "),
    ],
    ids=[
        "escaped",
        "CDATA",
        "nested",
        "mixed",
        "prefix",
        "default",
        "8 bits",
        "blanks",
    ],
)
def test_an_argument_is_read_as_gsoap_reads_it(sent: str, read_as: str) -> None:
    call = read(describe(f"<configID>{sent}</configID><table/>"))
    assert call is not None
    assert call.arguments["configID"] == read_as


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("<Describe/>", "Describe"),
        ('<GetState xmlns="urn:http://localhost:8083/"/>', "GetState"),
        ('<q:GetState xmlns:q="urn:q"/>', "q:GetState"),
        ("<z:GetState/>", "z:GetState"),
        ('<e:Reset xmlns:e="urn:ecc"/>', "e:Reset"),
        ("", ""),
        ('text<e:GetState xmlns:e="urn:ecc"/>', ""),
    ],
)
def test_an_operation_elsewhere_than_in_urn_ecc_is_a_client_fault(
    body: str, named: str
) -> None:
    with pytest.raises(SoapError) as caught:
        read(message(body))
    assert str(caught.value) == (
        f"Method '{named}' not implemented: method name or namespace not recognized"
    )
    assert caught.value.code == "Client"


@pytest.mark.parametrize(
    "data",
    [
        b"hello",
        b'{"a": 1}',
        b"<foo/>",
        b'<GetState xmlns="urn:ecc"/>',
        b"<Envelope><Body/></Envelope>",
        message("", "urn:foo"),
    ],
)
def test_what_is_no_soap_is_not_answered(data: bytes) -> None:
    with pytest.raises(SilentError):
        read(data)


def test_soap_1_2_is_recognised_and_answered_in_kind() -> None:
    call = read(message('<e:GetState xmlns:e="urn:ecc"/>', NS_1_2))
    assert call == Call("GetState", {}, Soap.V1_2)
    answer = envelope("<b/>", Soap.V1_2).decode()
    assert f'<SOAP-ENV:Envelope xmlns:SOAP-ENV="{NS_1_2}"' in answer


def test_a_header_is_echoed_empty_and_one_that_must_be_understood_is_a_fault() -> None:
    data = (
        f'<s:Envelope xmlns:s="{NS_1_1}"><s:Header><a xmlns="urn:h"%s>1</a></s:Header>'
        '<s:Body><GetState xmlns="urn:ecc"/></s:Body></s:Envelope>'
    )
    call = read((data % "").encode())
    assert call is not None
    assert call.has_header
    assert b"><SOAP-ENV:Header></SOAP-ENV:Header><SOAP-ENV:Body>" in envelope(
        "", Soap.V1_1, has_header=call.has_header
    )
    with pytest.raises(SoapError, match="'a' must be understood") as caught:
        read((data % ' s:mustUnderstand="1"').encode())
    assert caught.value.code == "MustUnderstand"


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + message('<GetState xmlns="urn:ecc"/>'),
        b"\n  " + message('<GetState xmlns="urn:ecc"/>'),
        message('<GetState xmlns="urn:ecc"/>') + b"trailing <",
        message('<GetState xmlns="urn:ecc"/><ServerExit xmlns="urn:ecc"/>'),
    ],
    ids=["byte order mark", "blanks before", "trailing bytes", "two operations"],
)
def test_what_stands_round_the_operation_does_no_harm(data: bytes) -> None:
    assert read(data) == Call("GetState", {})


@pytest.mark.parametrize("step", [1, 2, 7, 64])
def test_a_request_may_come_in_any_pieces(step: int) -> None:
    data = describe("<configID>&lt;a/&gt; é</configID><table><X y='1'/></table>")
    assert read(data, step) == read(data)


@pytest.mark.parametrize(
    ("cut_after", "said"),
    [
        (b"<s:Body>", "Method '' not implemented: method name or namespace not rec"),
        (b"</table>", "Validation constraint violation: tag name or namespace mis"),
        (b"</table><", "Validation constraint violation: tag name or namespace mi"),
        (b"</table></", None),
        (b"</configID>", None),
        (b"<configID>a", None),
        (b"</e:Describe>", None),
        (b"</s:Body>", None),
        (b"<?xml", None),
    ],
)
def test_a_truncated_request_is_given_up_as_gsoap_gives_it_up(
    cut_after: bytes, said: str | None
) -> None:
    data = describe("<configID>a</configID><table>t</table>")
    request = Request()
    assert request.feed(data[: data.index(cut_after) + len(cut_after)]) is None
    with pytest.raises(SoapError if said else SilentError, match=said):
        request.give_up()


@pytest.mark.parametrize(
    "body",
    [
        '<e:GetState xmlns:e="urn:ecc">|</e:GetState>',
        '<Describe xmlns="urn:ecc"><configID/><table/>|</Describe>',
        '<Describe xmlns="urn:ecc"><configID/><table/> \n|</Describe>',
    ],
)
def test_a_request_truncated_behind_its_last_argument_is_a_fault(body: str) -> None:
    request = Request()
    assert request.feed(message(body).split(b"|")[0]) is None
    with pytest.raises(SoapError, match="tag name or namespace mismatch"):
        request.give_up()


@given(st.binary(max_size=200) | st.text(max_size=200).map(describe))
@example(message("<a:b:c/>"))
@example(message('<e:Describe xmlns:e="urn:ecc">&foo;<configID>&bar;</configID>'))
@example(b'<!DOCTYPE x [<!ENTITY a "&b;&b;"><!ENTITY b "&a;">]>' + message("&a;"))
@example(message("<{}/>"))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    request = Request()
    try:
        if request.feed(data) is None:
            request.give_up()
    except (SoapError, SilentError):
        pass


def test_a_large_nested_argument_is_read_whole() -> None:
    inner = "<DataLink><DataSender id='CoBo[0]'/></DataLink>" * 20_000
    call = read(describe(f"<configID/><table><S>{inner}</S></table>"), 65536)
    assert call is not None
    assert call.arguments["table"].count("<DataLink>") == 20_000


ANSWERS = {
    "Response": (Answer(), "<ErrorCode>0</ErrorCode><ErrorMessage/>"),
    "ResponseText": (
        Answer(3, "a<b", text="c&d"),
        "<ErrorCode>3</ErrorCode><ErrorMessage>a&lt;b</ErrorMessage>"
        "<Text>c&amp;d</Text>",
    ),
    "ResponseState": (
        Answer(state=(4, 5)),
        "<ErrorCode>0</ErrorCode><ErrorMessage/><State>4</State>"
        "<Transition>5</Transition>",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_has_its_element_prefixed_and_its_children_plain(name: str) -> None:
    answer, inner = ANSWERS[name]
    assert answer.render(Build.CURRENT) == f"<ecc:{name}>{inner}</ecc:{name}>"


def test_empty_elements_have_two_tags_in_the_build_of_2014() -> None:
    assert Answer(text="").render(Build.CURRENT) == (
        "<ecc:ResponseText><ErrorCode>0</ErrorCode><ErrorMessage/><Text/>"
        "</ecc:ResponseText>"
    )
    assert Answer(text="").render(Build.MAY_2014) == (
        "<ecc:ResponseText><ErrorCode>0</ErrorCode><ErrorMessage></ErrorMessage>"
        "<Text></Text></ecc:ResponseText>"
    )


def test_control_characters_are_escaped_as_gsoap_escapes_them() -> None:
    text = "a\tb\nc\rd\"'<>&\x01"
    assert "<Text>a\tb\nc&#xD;d\"'&lt;&gt;&amp;&#x1;</Text>" in Answer(
        text=text
    ).render(Build.CURRENT)


def test_a_fault_has_the_form_of_its_soap_version() -> None:
    assert fault_body(SoapError("no", code="Server")) == (
        "<SOAP-ENV:Fault><faultcode>SOAP-ENV:Server</faultcode>"
        "<faultstring>no</faultstring></SOAP-ENV:Fault>"
    )
    assert fault_body(SoapError("no", soap=Soap.V1_2)) == (
        "<SOAP-ENV:Fault><SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:Sender"
        "</SOAP-ENV:Value></SOAP-ENV:Code><SOAP-ENV:Reason>"
        '<SOAP-ENV:Text xml:lang="en">no</SOAP-ENV:Text></SOAP-ENV:Reason>'
        "</SOAP-ENV:Fault>"
    )


def test_the_envelope_is_that_of_gsoap_to_the_byte() -> None:
    assert envelope("<x/>", Soap.V1_1) == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"'
        b' xmlns:SOAP-ENC="http://schemas.xmlsoap.org/soap/encoding/"'
        b' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        b' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:ecc="urn:ecc">'
        b"<SOAP-ENV:Body><x/></SOAP-ENV:Body></SOAP-ENV:Envelope>\r\n"
    )
