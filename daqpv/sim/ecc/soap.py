"""Reads and writes SOAP as gSOAP 2.8 does.

It reads as a generated gSOAP server does, not as a schema validator: see `Request`. All
deviations from the standard were observed on a gSOAP 2.8.124 server built from the same
interface.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from lxml import etree

NAMESPACE = "urn:ecc"

_ID_AND_TABLE = ("configID", "table")
ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "GetState": (),
    "GetConfigIDs": (),
    "Describe": _ID_AND_TABLE,
    "Prepare": _ID_AND_TABLE,
    "Configure": _ID_AND_TABLE,
    "Start": _ID_AND_TABLE,
    "Stop": _ID_AND_TABLE,
    "Pause": _ID_AND_TABLE,
    "Resume": _ID_AND_TABLE,
    "Breakup": _ID_AND_TABLE,
    "Undo": _ID_AND_TABLE,
    "Special": ("command", "table"),
    "ServerExit": (),
}
"""The methods of the service, and the children that each one reads."""


class Soap(Enum):
    """Version of SOAP: namespaces of envelope and encoding, content type."""

    V1_1 = (
        "http://schemas.xmlsoap.org/soap/envelope/",
        "http://schemas.xmlsoap.org/soap/encoding/",
        "text/xml; charset=utf-8",
    )
    V1_2 = (
        "http://www.w3.org/2003/05/soap-envelope",
        "http://www.w3.org/2003/05/soap-encoding",
        "application/soap+xml; charset=utf-8",
    )

    @property
    def envelope(self) -> str:
        """Namespace of Envelope, Header and Body."""
        return self.value[0]

    @property
    def content_type(self) -> str:
        """Content type of an answer."""
        return self.value[2]


_VERSIONS = {soap.envelope: soap for soap in Soap}


class Build(Enum):
    """Which getEccSoapServer is simulated.

    It decides the form of empty elements and the Server header, which configurations
    GetConfigIDs lists, which file Prepare reads, and whether two links of one data
    sender are kept.
    """

    CURRENT = "gSOAP/2.8"  # the sources of 2016 to 2020
    MAY_2014 = "gSOAP/2.7"  # the build that the AT-TPC ran


class SoapError(Exception):
    """The request is answered with a Fault."""

    def __init__(
        self, text: str, *, soap: Soap = Soap.V1_1, code: str = "Client"
    ) -> None:
        super().__init__(text)
        self.soap, self.code = soap, code


class SilentError(Exception):
    """The request is not answered: the server closes the connection."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was understood: `arguments` has every child of the method."""

    method: str
    arguments: Mapping[str, str]
    soap: Soap = Soap.V1_1
    has_header: bool = False


class Request:
    """Reads a request as its bytes arrive.

    gSOAP parses the stream: the request ends where the Envelope ends, not where
    Content-Length says. It accepts what a validator refuses (wrong closing tags,
    unknown children, a missing child, which is empty) and silently drops what a
    validator accepts: a child with a prefix, and all children after a stray text.
    """

    def __init__(self) -> None:
        self._parser = etree.XMLPullParser(
            events=("start", "end"),
            recover=True,
            resolve_entities=False,
            no_network=True,
            huge_tree=True,
            remove_comments=True,
            remove_pis=True,
        )
        self._open: list[etree._Element] = []
        self._began = False
        self._tail = b""

    def feed(self, data: bytes) -> Call | None:
        """Read on; the call, once it is complete.

        Raises:
            SoapError: answer with this Fault.
            SilentError: close the connection.
        """
        if not self._began:
            data = data.removeprefix(b"\xef\xbb\xbf").lstrip()
            if not data:
                return None
            if not data.startswith(b"<"):
                raise SilentError("not XML")
            self._began = True
        self._tail = data[-64:]
        self._parser.feed(data)
        for event, element in self._parser.read_events():
            if element is None or isinstance(element, tuple):
                continue  # of events that were not asked for
            if event == "start":
                self._open.append(element)
            else:
                self._open.pop()
                if not self._open:
                    return _call(element)
        return None

    def give_up(self) -> None:
        """Fail as gSOAP does when the rest does not come within the receive timeout.

        Raises:
            SoapError: answer with this Fault.
            SilentError: close the connection.
        """
        if len(self._open) == 2:
            body = self._open[1]
            soap = _version(self._open[0])
            if body.tag == f"{{{soap.envelope}}}Body" and not len(body):
                raise _no_method("", soap)
        if len(self._open) == 3:
            soap = _version(self._open[0])
            call = _operation(self._open[2], soap, has_header=False)
            seen = {name for name, _ in _children(self._open[2])}
            between_elements = self._tail.rstrip().endswith((b">", b"<"))
            if between_elements and seen.issuperset(ARGUMENTS[call.method]):
                raise SoapError(
                    "Validation constraint violation: tag name or namespace mismatch",
                    soap=soap,
                )
        raise SilentError("the request is not complete")


def _version(root: etree._Element) -> Soap:
    namespace, local = _name(root)
    version = _VERSIONS.get(namespace)
    if local != "Envelope" or version is None:
        raise SilentError("no SOAP envelope")
    return version


def _call(root: etree._Element) -> Call:
    soap = _version(root)
    header = root.find(f"{{{soap.envelope}}}Header")
    if header is not None:
        _check_header(header, soap)
    body = root.find(f"{{{soap.envelope}}}Body")
    if body is None or not len(body) or (body.text or "").strip():
        raise _no_method("", soap)
    return _operation(body[0], soap, has_header=header is not None)


def _check_header(header: etree._Element, soap: Soap) -> None:
    for entry in header:
        if entry.get(f"{{{soap.envelope}}}mustUnderstand") in ("1", "true"):
            raise SoapError(
                f"The data in element '{_tag(entry)}' must be understood but cannot "
                "be processed",
                soap=soap,
                code="MustUnderstand",
            )


def _operation(
    element: etree._Element, soap: Soap, *, has_header: bool = False
) -> Call:
    namespace, method = _name(element)
    if namespace != NAMESPACE or method not in ARGUMENTS:
        raise _no_method(_tag(element), soap)
    arguments = dict.fromkeys(ARGUMENTS[method], "")
    for argument, text in reversed(_children(element)):
        if argument in arguments:
            arguments[argument] = text  # reversed: the first of two is kept
    return Call(method, arguments, soap, has_header)


def _children(element: etree._Element) -> list[tuple[str, str]]:
    """Names and texts of the children that gSOAP sees."""
    found: list[tuple[str, str]] = []
    text = element.text
    for child in element:
        if text and text.strip():
            break
        text = child.tail
        if isinstance(child.tag, str) and child.prefix is None:
            found.append((_name(child)[1], _eight_bits(_literal(child))))
    return found


def _literal(element: etree._Element) -> str:
    """The content of an element. Markup is text too; entities in it are resolved."""
    parts = [element.text or ""]
    for child in element:
        if isinstance(child.tag, str):
            parts.append(_markup(child))
        parts.append(child.tail or "")
    return "".join(parts)


def _markup(element: etree._Element) -> str:
    """`element` as it was written, without the namespaces that it inherits."""
    name = _tag(element)
    parent = element.getparent()
    inherited = {} if parent is None else parent.nsmap
    attributes = [
        (f"xmlns:{prefix}" if prefix else "xmlns", uri)
        for prefix, uri in element.nsmap.items()
        if inherited.get(prefix) != uri
    ]
    prefixes = {uri: prefix for prefix, uri in element.nsmap.items() if prefix}
    for key, value in element.attrib.items():
        namespace, _, local = str(key).lstrip("{").rpartition("}")
        prefix = prefixes.get(namespace)
        attributes.append((f"{prefix}:{local}" if prefix else local, str(value)))
    opening = name + "".join(f' {key}="{value}"' for key, value in attributes)
    if not len(element) and not element.text:
        return f"<{opening}/>"
    return f"<{opening}>{_literal(element)}</{name}>"


def _tag(element: etree._Element) -> str:
    """The name as written, with its prefix."""
    local = _name(element)[1]
    return f"{element.prefix}:{local}" if element.prefix else local


def _name(element: etree._Element) -> tuple[str, str]:
    """Namespace and local name; with an undeclared prefix, "" and the whole name."""
    namespace, _, local = str(element.tag).lstrip("{").rpartition("}")
    return namespace, local


def _eight_bits(text: str) -> str:
    """Strings of the server hold bytes: of any other character the low byte stays."""
    if text.isascii():
        return text
    return "".join(chr(ord(char) & 0xFF) for char in text).partition("\0")[0]


def _no_method(name: str, soap: Soap) -> SoapError:
    return SoapError(
        f"Method '{name}' not implemented: method name or namespace not recognized",
        soap=soap,
    )


_SPECIAL = re.compile(r"[&<>\x00-\x08\x0b-\x1f\x7f]")
_ENTITY = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def _escape(text: str) -> str:
    if not _SPECIAL.search(text):
        return text
    return _SPECIAL.sub(lambda m: _ENTITY.get(m[0]) or f"&#x{ord(m[0]):X};", text)


def _element(name: str, text: str, build: Build) -> str:
    if text or build is Build.MAY_2014:
        return f"<{name}>{_escape(text)}</{name}>"
    return f"<{name}/>"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a method.

    `text` belongs to ResponseText, `state` and `transition` to ResponseState; with
    neither it is a plain Response.
    """

    code: int = 0
    message: str = ""
    text: str | None = None
    state: tuple[int, int] | None = None

    def render(self, build: Build) -> str:
        """The content of the Body."""
        fields = f"<ErrorCode>{self.code}</ErrorCode>" + _element(
            "ErrorMessage", self.message, build
        )
        name = "Response"
        if self.state is not None:
            name = "ResponseState"
            state, transition = self.state
            fields += f"<State>{state}</State><Transition>{transition}</Transition>"
        elif self.text is not None:
            name = "ResponseText"
            fields += _element("Text", self.text, build)
        return f"<ecc:{name}>{fields}</ecc:{name}>"


def fault_body(error: SoapError) -> str:
    """The content of the Body of a Fault."""
    text = _escape(str(error))
    if error.soap is Soap.V1_1:
        inner = (
            f"<faultcode>SOAP-ENV:{error.code}</faultcode>"
            f"<faultstring>{text}</faultstring>"
        )
    else:
        code = {"Client": "Sender", "Server": "Receiver"}.get(error.code, error.code)
        inner = (
            f"<SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:{code}</SOAP-ENV:Value>"
            '</SOAP-ENV:Code><SOAP-ENV:Reason><SOAP-ENV:Text xml:lang="en">'
            f"{text}</SOAP-ENV:Text></SOAP-ENV:Reason>"
        )
    return f"<SOAP-ENV:Fault>{inner}</SOAP-ENV:Fault>"


_OPENING = {
    soap: '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<SOAP-ENV:Envelope xmlns:SOAP-ENV="{soap.value[0]}"'
    f' xmlns:SOAP-ENC="{soap.value[1]}"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
    f' xmlns:ecc="{NAMESPACE}">'
    for soap in Soap
}


def envelope(body: str, soap: Soap, *, has_header: bool = False) -> bytes:
    """A whole SOAP message. An answer has a Header, empty, if the request had one."""
    header = "<SOAP-ENV:Header></SOAP-ENV:Header>" if has_header else ""
    return (
        f"{_OPENING[soap]}{header}<SOAP-ENV:Body>{body}</SOAP-ENV:Body>"
        "</SOAP-ENV:Envelope>\r\n"
    ).encode("utf-8", "replace")
