"""How texts become bytes on the wire, and bytes become messages again."""

from __future__ import annotations

from daqpv.instruments.parsing import checksum
from daqpv.instruments.settings.talk import Talk

LONGEST = 2**20
"""Bytes of one message; more without an end is babble."""

SETTLED = 0.05  # [s] of silence that end a message

LINE_END = "\r\n"

_BREAKS = b"\r\n"


class Framing:
    """The ends, length, check sum and encoding of an instrument's messages.

    Args:
        talk: the settings.

    Raises:
        ValueError: the settings contradict each other, or name no check sum.

    Attributes:
        end: of what comes; b"": there is none, or a length.
        send_end: of what is sent.
        length: of each message, in bytes; 0: it has an end.
        by_silence: a silence ends each message.
        gap: least time between an exchange and the next one [s]. A silence ends what
            is sent, too, if nothing else does: commands without an answer would become
            one with what follows.
        is_line: each has an end.
    """

    def __init__(self, talk: Talk) -> None:
        both = LINE_END if talk.terminator is None else talk.terminator
        send, receive = talk.send_terminator, talk.receive_terminator
        self.encoding = talk.encoding
        self.send_end = self._bytes(both if send is None else send)
        self.end = self._bytes(both if receive is None else receive)
        self.length = talk.answer_length or 0
        if self.length:
            self.end = b""
        self.by_silence = not self.end and not self.length
        is_unended = not self.send_end and self.by_silence
        self.gap = max(talk.gap, SETTLED) if is_unended else talk.gap
        self.is_line = bool(self.end)
        self._sum = None if talk.checksum is None else checksum(talk.checksum)
        has_bytes = self._sum is not None and self._sum.digits == "binary"
        self._strips = self.is_line and not self.end.strip(_BREAKS) and not has_bytes

    def packed(self, text: str | bytes) -> bytes:
        """The bytes of a message.

        Raises:
            ValueError: it has a character that the encoding has not, or an end inside.
        """
        data = text if isinstance(text, bytes) else self._bytes(text)
        if self.send_end and self.send_end in data:
            raise ValueError(f"{text!r} is more than one line")
        return data + (self._sum(data) if self._sum else b"") + self.send_end

    def text(self, message: bytes, *, is_binary: bool = False) -> str:
        """The text of a message; of a binary one, each byte is a character.

        Raises:
            ValueError: its check sum is wrong, or it is not of that encoding.
        """
        if self._sum is not None:
            message = self._sum.checked(message)
        return self.plain(message, is_binary=is_binary)

    def plain(self, message: bytes, *, is_binary: bool = False) -> str:
        """The same of a message without a check sum, such as ACK.

        Raises:
            ValueError: it is not of that encoding.
        """
        if is_binary:
            return message.decode("latin-1")
        try:
            return message.decode(self.encoding)
        except UnicodeDecodeError as error:
            raise ValueError(f"not {self.encoding} text") from error

    def first(self, buffer: bytearray, start: int, seen: int) -> tuple[bytes, int]:
        """The message that begins at `start`, and where the next one begins.

        Args:
            buffer: what has come.
            start: of the message.
            seen: up to here there is no end; saves time with long messages.

        Returns:
            ``(b"", -1)`` if the message is not whole.
        """
        if self.is_line:
            stop = buffer.find(self.end, max(start, seen - len(self.end) + 1))
            after = stop + len(self.end)
        else:
            stop = after = start + self.length
            if not self.length or stop > len(buffer):
                stop = -1
        if stop < 0:
            return b"", -1
        return self.stripped(bytes(buffer[start:stop])), after

    def stripped(self, message: bytes) -> bytes:
        """`message` without line breaks around it: many instruments send two kinds."""
        return message.strip(_BREAKS) if self._strips else message

    def is_begun(self, buffer: bytearray) -> bool:
        """Whether a message has begun in what is left."""
        return bool(self.stripped(bytes(buffer[:LONGEST])))

    def _bytes(self, text: str) -> bytes:
        return text.encode(self.encoding)
