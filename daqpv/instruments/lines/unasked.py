"""What comes from an instrument unasked: lines of a stream, and late answers."""

from __future__ import annotations

from daqpv.errors import quoted
from daqpv.instruments.driver import Frame, Listener
from daqpv.instruments.lines.exchanges import shown
from daqpv.instruments.lines.framing import Framing
from daqpv.instruments.lines.plan import Plan
from daqpv.instruments.settings.talk import Talk


class Unasked:
    """Reads the lines of a stream; of an instrument that has none, they are late.

    Args:
        plan: has the patterns of the lines.
        talk: the settings.
        framing: of the messages.

    Attributes:
        listener: is given the values at once.
    """

    def __init__(self, plan: Plan, talk: Talk, framing: Framing) -> None:
        self._parts = plan.streams
        self._comment = talk.comment
        self._framing = framing
        self._late = 0
        self.listener: Listener | None = None

    def late_so_far(self) -> int:
        """Messages that came late since this was called last."""
        late, self._late = self._late, 0
        return late

    def message(self, message: bytes) -> None:
        """Take a message that no exchange wants."""
        if not self._parts:
            self._late += bool(message)
            return
        try:
            text = self._framing.text(message)
        except ValueError as error:
            self._tell(Frame(good=0, bad=(f"{shown(message)}: {error}",)))
            return
        if not self.takes(text) and not self._is_comment(text):
            reason = f"{quoted(text)}: fits no pattern under `stream`"
            self._tell(Frame(good=0, bad=(reason,)))

    def takes(self, text: str) -> bool:
        """Whether `text` is a line of the stream; its values are told."""
        for part in self._parts:
            try:
                values = part.values(text)
            except ValueError:
                continue
            self._tell(Frame(values=values))
            return True
        return False

    def _is_comment(self, text: str) -> bool:
        text = text.strip()
        return not text or bool(self._comment and text.startswith(self._comment))

    def _tell(self, frame: Frame) -> None:
        if self.listener is not None:
            self.listener.heard(frame)
