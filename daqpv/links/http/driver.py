"""The driver of instruments that have pages: JSON, or plain text."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from urllib.parse import quote, urljoin, urlsplit

from daqpv.core import Status
from daqpv.errors import LinkError, NoAnswerError, OperationError, ProtocolError
from daqpv.instruments.driver import Fault, Frame, Listener, Raw, Read, Request, Write
from daqpv.instruments.parsing import Pattern
from daqpv.instruments.settings import Channel, ChannelType, InstrumentSettings
from daqpv.links.http.answer import HttpAnswer
from daqpv.links.http.client import HttpClient
from daqpv.links.http.settings import HttpAt, HttpOptions
from daqpv.links.http.writing import body_of, path_of
from daqpv.links.json_values import JsonPath, document

REDIRECTS = 3  # followed in a row, within the server

_CURES = {
    401: "Are the options user and password, or token, those that it wants?",
    403: "Has this user that right?",
    404: "Is the path right?",
    405: "Is the method right?",
}


class HttpDriver:
    """Reads pages of a server, and writes by requests.

    Args:
        client: asks the server.
        page: path and query of the connection.
        options: of the connection.
        settings: of the instrument.
        places: where the channels are.

    Raises:
        ValueError: a path or pattern of a channel cannot be used.
    """

    polls = True

    def __init__(
        self,
        client: HttpClient,
        page: str,
        options: HttpOptions,
        settings: InstrumentSettings,
        places: Mapping[str, HttpAt],
    ) -> None:
        self.who = client.who
        self.is_open = False
        self._client = client
        self._head = _head(client.host, options)
        self._timeout = settings.timeout
        self._retries = settings.retries
        self._encoding = settings.encoding
        self._page = page
        self._places = places
        self._settings = settings
        self._readers = {
            name: _Reader(name, at, settings.channels[name])
            for name, at in places.items()
        }

    async def open(self) -> None:
        """Ask for a page, to see that the server answers."""
        pages = self._pages(Read())
        path = next(iter(pages), self._page)
        self._good(path, await self._get(path))
        self.is_open = True

    async def exchange(self, request: Request) -> Frame:
        """Ask for each page once, or write one channel."""
        if isinstance(request, Write):
            return await self._write(request)
        return await self._read(self._pages(request))

    def listen(self, listener: Listener) -> None:
        """Nothing comes unasked."""

    async def close(self) -> None:
        """Close the connection."""
        self.is_open = False
        self._client.close()

    # -- reading

    def _pages(self, request: Read) -> dict[str, list[str]]:
        """The channels that are due, by the path of their page."""
        pages: dict[str, list[str]] = {}
        for name, at in self._places.items():
            if request.channels is not None:
                is_due = name in request.channels
            else:
                is_due = request.cycle % self._settings.channels[name].every == 0
            if is_due:
                pages.setdefault(self._path(at), []).append(name)
        return pages

    def _path(self, at: HttpAt) -> str:
        return _quoted(at.url or self._page)

    async def _read(self, pages: Mapping[str, Iterable[str]]) -> Frame:
        values: dict[str, Raw] = {}
        bad: list[str] = []
        last: LinkError | None = None
        for path, names in pages.items():
            try:
                body = self._good(path, await self._get(path))
                values |= self._values(path, body, names)
            except ProtocolError as error:  # one page is wrong, others may be right
                last = error
                bad.append(str(error))
                why = Fault(str(error), status=Status.READ)
                values |= dict.fromkeys(names, why)
        if last is not None and len(bad) == len(pages):
            raise last
        return Frame(values=values, good=len(pages) - len(bad), bad=bad)

    def _values(self, path: str, body: bytes, names: Iterable[str]) -> dict[str, Raw]:
        text = content = None
        values: dict[str, Raw] = {}
        try:
            for name in names:
                reader = self._readers[name]
                if reader.json is not None:
                    content = document(body) if content is None else content
                    values[name] = reader.json.value(content)
                else:
                    text = body.decode(self._encoding) if text is None else text
                    values[name] = reader.text(text)
        except ValueError as error:
            raise ProtocolError(
                f"{self.who}: the answer to GET {_shown(path)} cannot be used: "
                f"{error}. Is the path right?"
            ) from error
        return values

    async def _get(self, path: str) -> HttpAnswer:
        for _ in range(REDIRECTS + 1):
            answer = await self._asked("GET", path)
            location = answer.fields.get(b"location")
            if answer.status not in (301, 302, 303, 307, 308) or not location:
                return answer
            path = self._moved(path, location.decode("latin-1"))
        raise ProtocolError(
            f"{self.who}: GET {_shown(path)} was redirected more than {REDIRECTS} "
            "times. Give the path of the page itself"
        )

    def _moved(self, path: str, location: str) -> str:
        """The path to which a page of this server has moved."""
        here = f"{self._client.origin}{path}"
        there = urljoin(here, location)
        if not there.startswith(f"{self._client.origin}/"):
            raise ProtocolError(
                f"{self.who}: GET {_shown(path)} is redirected to another server, "
                f"{there[:120]}. If that is the instrument, give it as `connection`"
            )
        parts = urlsplit(there)
        return _quoted(parts.path + (f"?{parts.query}" if parts.query else ""))

    async def _asked(self, method: str, path: str) -> HttpAnswer:
        request = f"{method} {path} HTTP/1.1\r\n{self._head}\r\n".encode("latin-1")
        what = f"{method} {_shown(path)}"
        for left in range(self._retries, -1, -1):
            try:
                return await self._client.ask(
                    request, what=what, timeout=self._timeout, may_repeat=True
                )
            except NoAnswerError:
                if not left:
                    raise
        raise AssertionError("unreachable")

    def _good(self, path: str, answer: HttpAnswer) -> bytes:
        if not 200 <= answer.status < 300:
            cure = _CURES.get(answer.status, "Look at the page with a browser")
            raise ProtocolError(
                f"{self.who}: GET {_shown(path)} is answered by {_said(answer)}. {cure}"
            )
        return answer.body

    # -- writing

    async def _write(self, request: Write) -> Frame:
        at = self._places[request.channel]
        write = at.write
        try:
            path = _quoted(path_of(write, at.url or self._page, request.value))
            body = body_of(write, request.value)
        except (ValueError, TypeError) as error:
            raise OperationError(
                f"{self.who}: {request.channel} was not sent: {error}. Correct the "
                "value, or `write` of its `at`"
            ) from error
        head = f"{write.method} {path} HTTP/1.1\r\n{self._head}"
        if write.method != "GET":
            head += f"Content-Type: {write.type}\r\nContent-Length: {len(body)}\r\n"
        answer = await self._client.ask(
            f"{head}\r\n".encode("latin-1") + body,
            what=f"{write.method} {_shown(path)}",
            timeout=self._timeout,
            may_repeat=False,
        )
        if not 200 <= answer.status < 300:
            cure = _CURES.get(answer.status, "Is the value in range?")
            raise OperationError(
                f"{self.who}: {request.channel} was not written: {write.method} "
                f"{_shown(path)} is answered by {_said(answer)}. {cure}"
            )
        return Frame()


class _Reader:
    """How a channel is found in an answer.

    Attributes:
        json: finds it in JSON; None: the answer is plain text.
    """

    def __init__(self, name: str, at: HttpAt, channel: Channel) -> None:
        is_array = channel.type is ChannelType.ARRAY
        try:
            self.json = JsonPath(at.path, is_array=is_array) if at.path else None
            self._pattern = Pattern(at.answer) if at.answer else None
            if self._pattern is not None and len(self._pattern.names) != 1:
                raise ValueError(f"{at.answer!r} has not just one value: {{value:g}}")
        except ValueError as error:
            raise ValueError(f"channel {name}: {error}") from error

    def text(self, body: str) -> Raw:
        """The value in a plain text."""
        if self._pattern is None:
            return body.strip()
        try:
            found = self._pattern.parse(body.strip())
        except ValueError as error:
            return Fault(str(error), status=Status.READ)
        none = Fault("not in the answer", status=Status.READ)
        return found.get(self._pattern.names[0], none)


def _head(host: str, options: HttpOptions) -> str:
    fields = {"Host": host, "Accept": "*/*", "User-Agent": "daqpv"}
    if options.user:
        pair = f"{options.user}:{options.password}".encode()
        fields["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    if options.token:
        fields["Authorization"] = f"Bearer {options.token}"
    return "".join(f"{k}: {v}\r\n" for k, v in (fields | options.headers).items())


def _quoted(path: str) -> str:
    return quote(path or "/", safe="/?%:@!$&'()*+,;=~[]")


def _shown(path: str) -> str:
    """The path without its query, which may hold a secret."""
    return path.partition("?")[0]


def _said(answer: HttpAnswer) -> str:
    """Status, phrase, and the beginning of a short plain body: often the reason."""
    said = f"{answer.status} {answer.reason}".strip()
    body = answer.body[:200].decode("utf-8", "replace").strip()
    if body and len(answer.body) <= 200 and "<" not in body:
        return f"{said} ({' '.join(body.split())})"
    return said
