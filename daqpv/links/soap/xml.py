"""Builds and parses the XML of the ECC protocol: requests, answers, configurations.

zeep builds the requests and parses the answers, with our own copy of the service's
description (ecc.wsdl; the server publishes none). Data that cannot be sent or parsed
raise ValueError with a sentence.

Sources: GET software (GetBench), src/get/soap/ecc.hh and EccSoapServer.cpp for the
service, src/get/rc/ConfigId.cpp, ConfigIdSet.cpp and DataLinkSet.cpp for the texts.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Sequence
from enum import IntEnum
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, TypeVar

from lxml import etree

from daqpv.ecc import (
    ConfigId,
    DataLink,
    EccState,
    OperationAnswer,
    StateAnswer,
    Transition,
)

DOUBT = "Is this the port of a GET ECC server (getEccSoapServer)?"

_WSDL = Path(__file__).with_name("ecc.wsdl")
_ENVELOPE = "{http://schemas.xmlsoap.org/soap/envelope/}Envelope"
_BODY = "{http://schemas.xmlsoap.org/soap/envelope/}Body"
_FAULT = "{http://schemas.xmlsoap.org/soap/envelope/}Fault"

_SHORT = 4096  # [bytes] of an answer that is cached

_Codes = TypeVar("_Codes", bound=IntEnum)

logging.getLogger("zeep").setLevel(logging.CRITICAL)  # we raise what it logs


_preparing = threading.Lock()


def prepare() -> None:
    """Load zeep and the description of the service, once: 0.1 s, so in a thread."""
    with _preparing:
        binding()


def is_prepared() -> bool:
    """Whether `prepare` has ended."""
    return bool(binding.cache_info().currsize)


@cache
def binding() -> Any:
    """Zeep's binding of the service."""
    from zeep.wsdl import Document  # noqa: PLC0415 - see `prepare`

    with _WSDL.open("rb") as file:
        # without a transport zeep cannot open connections
        description = Document(file, transport=None)
    # gSOAP accepts the children of an operation by their plain names and silently drops
    # prefixed ones. So there are no prefixes; servers whose own description says
    # "qualified", as that of the AT-TPC did, accept this form too.
    description.types.set_ns_prefix(None, "urn:ecc")
    return description.bindings["{urn:ecc}ecc"]


@lru_cache(maxsize=32)
def request(operation: str, *arguments: str) -> bytes:
    """The bytes of a request for `operation`.

    Raises:
        ValueError: an argument contains control characters, which XML cannot represent.
    """
    try:
        envelope = binding().get(operation).create(*arguments).content
    except ValueError as error:
        raise ValueError(f"{operation} cannot be sent: {error}") from error
    return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")


def state_answer(operation: str, body: bytes) -> StateAnswer:
    """Parse the answer to GetState.

    An idle server repeats the same answer for hours: parsed answers are cached by their
    bytes. That takes a third off the CPU time of a poll.
    """
    return (_known_state if len(body) <= _SHORT else _state)(operation, body)


def _state(operation: str, body: bytes) -> StateAnswer:
    answer = _answer(operation, body)
    if code := _number(answer, "ErrorCode"):
        raise ValueError(f"it is error {code}, {answer.ErrorMessage or 'no reason'}")
    return StateAnswer(
        _member(EccState, answer, "State"),
        _member(Transition, answer, "Transition"),
        error_message=answer.ErrorMessage or "",
    )


_known_state = lru_cache(maxsize=128)(_state)


def operation_answer(operation: str, body: bytes) -> OperationAnswer:
    """Parse the answer to any other operation; that to ServerExit has no text."""
    answer = _answer(operation, body)
    return OperationAnswer(
        _number(answer, "ErrorCode"),
        error_message=answer.ErrorMessage or "",
        text=getattr(answer, "Text", None) or "",
    )


def config_answer(operation: str, body: bytes) -> Sequence[ConfigId]:
    """Parse the answer to GetConfigIDs."""
    answer = operation_answer(operation, body)
    if answer.error_code:
        raise ValueError(f"it is error {answer.error_code}, {answer.error_message}")
    return read_configs(answer.text)


def fault(body: bytes) -> str | None:
    """The text of the SOAP Fault in `body`; None if there is none."""
    try:
        envelope = _parse(body)
    except ValueError:
        return None
    if envelope.find(f"{_BODY}/{_FAULT}") is None:
        return None
    from zeep.exceptions import Fault  # noqa: PLC0415 - see `prepare`

    try:
        binding().process_error(envelope, None)
    except Fault as found:
        return " ".join((found.message or "").split()) or "a Fault without words"
    return None


def _answer(operation: str, body: bytes) -> Any:
    try:
        content = _content(_parse(body))
    except ValueError as error:
        raise ValueError(f"{error}. {DOUBT}") from error
    if content is None:
        raise ValueError(f"it is no SOAP answer. {DOUBT}")
    from zeep.exceptions import Error as ZeepError  # noqa: PLC0415 - see `prepare`

    expected = binding().get(operation).output.body
    if content.tag != expected.qname.text:
        raise ValueError(f"it holds {content.tag}, not {expected.qname.text}. {DOUBT}")
    for element in (content, *content):
        element.attrib.clear()  # xsi:type would let the sender control zeep
        if len(element) and element is not content:
            raise ValueError(f"its {element.tag} holds elements where text belongs")
    try:
        # the part of process_reply that parses: half its cost
        return expected.parse(content, binding().wsdl.types)
    except ZeepError as error:
        raise ValueError(str(error)) from error


def _content(envelope: etree._Element) -> etree._Element | None:
    """The content of the Body of a SOAP envelope; None if there is none."""
    body = next(envelope.iterchildren(_BODY), None)
    if envelope.tag != _ENVELOPE or body is None or len(body) != 1:
        return None
    return body[0]


def _number(answer: Any, name: str) -> int:
    number = getattr(answer, name)
    if not isinstance(number, int) or not -(2**31) <= number < 2**31:
        raise ValueError(f"its {name} is not a number of 32 bits")
    return number


def _member(kind: type[_Codes], answer: Any, name: str) -> _Codes:
    number = _number(answer, name)
    try:
        return kind(number)
    except ValueError as error:
        raise ValueError(f"its {name} is {number}, which is unknown") from error


class _Parser(threading.local):
    """One parser per thread; a new one for each answer costs 10 us more."""

    def __init__(self) -> None:
        self.parser = etree.XMLParser(
            encoding="utf-8",  # whatever a document declares: the protocol has no other
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
            remove_comments=True,
            remove_pis=True,
            huge_tree=False,
        )


_own = _Parser()


def _parse(document: bytes) -> etree._Element:
    try:
        root = etree.fromstring(document, _own.parser)
    except etree.XMLSyntaxError as error:
        root = _mended(document)
        if root is None:
            raise ValueError(
                f"it is not XML ({error.msg}), it begins with {document[:60]!r}"
            ) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise ValueError("it declares a document type of its own")
    return root


def _mended(document: bytes) -> etree._Element | None:
    r"""Parse `document` with its forbidden characters escaped; None: still not XML.

    gSOAP sends the texts of the program unchanged: an ESC of a coloured message as
    ``&#x1B;``, a byte of another encoding as it is. They become ``\x1b``.

    Source: XML 1.0, production 2 (Char); gSOAP 2.8, stdsoap2.cpp, soap_string_out.
    """
    text = document.decode("utf-8", "backslashreplace")
    text = _REFERENCE.sub(_written_out, text)
    text = _FORBIDDEN.sub(lambda found: _escape(ord(found[0])), text)
    try:
        return etree.fromstring(text.encode(), _own.parser)
    except etree.XMLSyntaxError:
        return None


_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")
_REFERENCE = re.compile(r"&#(?:x0*([0-9A-Fa-f]{1,8})|0*([0-9]{1,8}));")


def _written_out(reference: re.Match[str]) -> str:
    """A character reference; the escaped character, if XML forbids it."""
    code = int(reference[1], 16) if reference[1] else int(reference[2])
    allowed = code <= sys.maxunicode and not _FORBIDDEN.match(chr(code))
    return reference[0] if allowed else _escape(code)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def config_xml(config: ConfigId) -> str:
    """Format `config` for a server.

    Raises:
        ValueError: a part is empty, which would end the server process.
    """
    root = etree.Element("ConfigId")
    for part in ("describe", "prepare", "configure"):
        name = getattr(config, part)
        if not name.strip():
            raise ValueError(f"the configuration {config} has no {part} part")
        etree.SubElement(root, "SubConfigId", type=part).text = name
    return etree.tostring(root, encoding="unicode")


def links_xml(links: Sequence[DataLink]) -> str:
    """Format `links` for Configure, in their order."""
    root = etree.Element("DataLinkSet")
    for link in links:
        element = etree.SubElement(root, "DataLink")
        etree.SubElement(element, "DataSender", id=link.sender)
        etree.SubElement(
            element,
            "DataRouter",
            name=link.router,
            ipAddress=link.address,
            port=str(link.port),
            type=link.type,
        )
    return etree.tostring(root, encoding="unicode")


def read_configs(text: str) -> Sequence[ConfigId]:
    """Parse the text of GetConfigIDs; entries without one of the parts are left out."""
    if not text.strip():
        return ()
    try:
        root = _parse(text.encode())
    except ValueError as error:
        raise ValueError(
            "its list of configurations cannot be read. A file name in the server's "
            f"configuration directory may hold & or <: rename that file ({error})"
        ) from error
    if root.tag != "ConfigIdSet":
        raise ValueError(f"its list of configurations is <{root.tag}>, not ConfigIdSet")
    found = (_config(element) for element in root.iterfind("ConfigId"))
    return tuple(config for config in found if config)


def _config(element: etree._Element) -> ConfigId | None:
    parts = {
        part.get("type"): "" if len(part) else (part.text or "").strip()
        for part in element.iterfind("SubConfigId")
    }
    names = [parts.get(name, "") for name in ("describe", "prepare", "configure")]
    return ConfigId(*names) if all(names) else None
