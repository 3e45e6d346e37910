"""Simulates instruments with a line protocol, in memory and on TCP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeAlias

from daqpv.errors import LinkError, NoAnswerError
from daqpv.links.line import LineLink

Answer: TypeAlias = Callable[[str], str | None]
"""The answer to a question, both without their end; None: the instrument is silent."""


class MemoryLine(LineLink):
    """A `LineLink` without a socket.

    Args:
        answer: gives the answers.

    Attributes:
        answer: gives the answers; may be replaced.
        asked: all lines that were sent.
        fault: each exchange raises it; None: it is answered.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__("instrument", "tcp://in.memory:1")
        self.answer = answer
        self.asked: list[str] = []
        self.fault: LinkError | None = None

    async def ask(self, question: str) -> str:
        """The answer to `question`; no answer raises NoAnswerError at once."""
        self.asked.append(question)
        if self.fault is not None:
            raise self.fault
        answer = self.answer(question)
        if answer is None:
            raise NoAnswerError(f"no answer to {question!r}", timed_out=True)
        return answer

    async def tell(self, command: str) -> None:
        """Send `command`."""
        self.asked.append(command)
        if self.fault is not None:
            raise self.fault
        self.answer(command)


class LineServer:
    """A simulated instrument: answers the lines of any number of TCP clients.

    Use it as an async context manager, or have it run until cancelled::

        asyncio.run(LineServer(answer, port=4001).run())

    Args:
        answer: gives the answers.
        host: where it listens.
        port: where it listens; 0: a free one.
        end: the characters that end a line.

    Attributes:
        address: ``tcp://HOST:PORT``, once it listens.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        end: str = "\r\n",
    ) -> None:
        self._answer = answer
        self._place = host, port
        self._end = end.encode("ascii")
        self._clients: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None
        self.address = ""

    async def run(self) -> None:
        """Listen until cancelled."""
        async with self:
            await asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, *self._place)
        host, port = self._server.sockets[0].getsockname()[:2]
        self.address = f"tcp://{host}:{port}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._clients.values():
            writer.transport.abort()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients[task] = writer
        try:
            while True:
                line = (await reader.readuntil(self._end)).removesuffix(self._end)
                answer = self._answer(line.decode("ascii", "replace"))
                if answer is not None:
                    writer.write(answer.encode("ascii", "replace") + self._end)
                    await writer.drain()
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass  # the client has gone
        finally:
            del self._clients[task]
            writer.close()
