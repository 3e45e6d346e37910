"""How a command that serves ends: the exit code, and one sentence."""

from __future__ import annotations

import pytest

from daqpv.cli.common import run_until_signal
from daqpv.cli.output import OutputError
from daqpv.errors import AlreadyServedError, DaqError, ServeError

SERVED = AlreadyServedError("T:X", by="10.0.0.1")
NO_PORT = ServeError("no port")
FULL = OutputError(OSError(28, "No space left on device"))


async def raising(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (NO_PORT, 3, "no port"),
        (ExceptionGroup("", [NO_PORT]), 3, "no port"),
        (ExceptionGroup("", [ExceptionGroup("", [SERVED])]), 4, str(SERVED)),
        (ExceptionGroup("", [DaqError("gone"), SERVED]), 4, str(SERVED)),
        (ExceptionGroup("", [FULL]), 1, "Standard output: No space left on device"),
    ],
)
def test_an_error_out_of_any_group_is_a_sentence_and_its_code(
    capsys: pytest.CaptureFixture[str], error: Exception, code: int, said: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        run_until_signal(raising(error))
    assert ended.value.code == code
    assert capsys.readouterr().err == f"{said}\n"


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ExceptionGroup):
        run_until_signal(raising(ExceptionGroup("", [ZeroDivisionError()])))
