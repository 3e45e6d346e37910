"""Python processes that start at once: forked from one that has daqpv imported.

A start of ``daqpv serve`` takes a second of a processor, nearly all of it for imports.
``Process`` and ``run`` are ``subprocess.Popen`` and ``subprocess.run``, but Python is
forked from a template (tests/support/template.py), one per test process. Anything else
is started as usual: another program, an option of Python, other variables that Python
itself reads. Tests that examine the start use ``subprocess`` itself.
"""

from __future__ import annotations

import atexit
import ctypes
import inspect
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.leftovers import STAYING

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
TEMPLATE = Path(__file__).with_name("template.py")
_ONLY_REAL = ("preexec_fn", "pass_fds", "shell", "gid", "gids", "uid")
SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
_READ_BY_PYTHON = ("PYTHON", "LC_", "LANG")


def _of_python(environ: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environ.items() if k.startswith(_READ_BY_PYTHON)}


@contextmanager
def adopting() -> Iterator[None]:
    """A process whose parent ends becomes a child of this process meanwhile."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


class Template:
    """The process that forks, and the socket to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._environ = _of_python(os.environ)
        self._door, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            self._process = subprocess.Popen(
                [sys.executable, str(TEMPLATE), str(its.fileno())],
                pass_fds=[its.fileno()],
                cwd="/",
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},  # no threads
            )
        STAYING.add(self._process.pid)
        atexit.register(self._end)

    def _end(self) -> None:
        self._door.close()
        self._process.wait()

    def fits(self, arguments: Mapping[str, Any]) -> bool:
        """Whether what it forks would be the same as a process that is started."""
        command = arguments["args"]
        if isinstance(command, str) or command[0] != sys.executable or len(command) < 2:
            return False
        first = command[1]
        environ = arguments["env"]
        return (
            (first in ("-m", "-c") or not first.startswith("-"))
            and not any(arguments[name] for name in _ONLY_REAL)
            and _of_python(os.environ if environ is None else environ) == self._environ
        )

    def fork(self, arguments: Mapping[str, Any]) -> int:
        """Fork a process; return its id."""
        environ = arguments["env"]
        request = {
            "words": list(arguments["args"][1:]),
            "cwd": os.fspath(arguments["cwd"] or os.getcwd()),
            "env": dict(os.environ if environ is None else environ),
            "signals": [(n, signal.getsignal(n) is signal.SIG_IGN) for n in SIGNALS],
            "start_new_session": arguments["start_new_session"],
            "process_group": arguments["process_group"],
        }
        wanted = (arguments["p2cread"], arguments["c2pwrite"], arguments["errwrite"])
        files = [n if file == -1 else file for n, file in enumerate(wanted)]
        with self._lock, adopting():
            socket.send_fds(self._door, [json.dumps(request).encode()], files)
            return int(self._door.recv(32))


_template: list[Template] = []
_starting = threading.Lock()


def template() -> Template:
    """The template of this test process; the first call starts it."""
    with _starting:
        if not _template:
            _template.append(Template())
    return _template[0]


class Process(subprocess.Popen[Any]):
    """A process as ``subprocess.Popen`` starts it, forked if that is the same."""

    def _execute_child(self, *given: Any) -> None:
        start = super()._execute_child  # type: ignore[misc] # of Python 3.11 to 3.14
        arguments = inspect.signature(start).bind(*given).arguments
        if not template().fits(arguments):
            start(*given)
            return
        self.pid = template().fork(arguments)
        self._child_created = True
        names = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(arguments[name] for name in names))  # type: ignore[attr-defined]


def run(
    command: Sequence[str],
    *,
    input: str | bytes | None = None,
    capture_output: bool = False,
    timeout: float | None = None,
    check: bool = False,
    **more: Any,
) -> subprocess.CompletedProcess[Any]:
    """As ``subprocess.run``."""
    if input is not None:
        more["stdin"] = subprocess.PIPE
    if capture_output:
        more |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with Process(command, **more) as process:
        try:
            output, errors = process.communicate(input, timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(command, process.returncode, output, errors)
    if check:
        done.check_returncode()
    return done
