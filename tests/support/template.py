"""A Python process with daqpv imported, which becomes a new process for each request.

``forks.Process`` starts it, once per test process, with the number of a socket. Each
request comes with the standard input, output and error of the new process. The test
process adopts what is forked here, and waits for it as for any other child.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import signal
import socket
import sys
import threading
import time
import types
from collections.abc import Sequence
from typing import Any

BARRED = "daqpv.links.ca.libca"  # it changes PATH, and libca reads EPICS_CA_* once
LARGEST = 1 << 18  # bytes of a request


class _Bar:
    """Lets the modules that use libca fail: they are for the forked process."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name == BARRED:
            raise ImportError(name)


def preload() -> None:
    """Import daqpv, and the outside libraries that its commands use."""
    bar = _Bar()
    sys.meta_path.insert(0, bar)
    for name in ("daqpv", "epics", "sqlalchemy", "alembic.command", "zeep"):
        package = importlib.import_module(name)
        if name != "daqpv":
            continue
        for module in pkgutil.walk_packages(package.__path__, "daqpv."):
            if not module.name.endswith("__main__"):
                with contextlib.suppress(ImportError):
                    importlib.import_module(module.name)
    sys.meta_path.remove(bar)


def fork() -> int:
    """As os.fork(), but the child becomes one of the test process, which adopts it."""
    number, told = os.pipe()
    adopted, go = os.pipe()
    middle = os.fork()
    if middle == 0:
        pid = os.fork()
        if pid == 0:
            os.close(go)
            os.read(adopted, 1)  # until our end of it is closed, too
            return 0
        os.write(told, str(pid).encode())
        os._exit(0)
    pid = int(os.read(number, 32))
    os.waitpid(middle, 0)
    for file in (number, told, adopted, go):
        os.close(file)
    return pid


def wait_for_request(door: socket.socket) -> tuple[dict[str, Any], Sequence[int]]:
    """Fork for each request; return in the child. The end of the tests is our end."""
    while True:
        data, files, _, _ = socket.recv_fds(door, LARGEST, 3)
        if not data:
            os._exit(0)
        pid = fork()
        if pid == 0:
            return json.loads(data), files
        for file in files:
            os.close(file)
        door.send(str(pid).encode())


def become(request: dict[str, Any], files: Sequence[int]) -> None:
    """Take directory, environment, session and standard streams of the request."""
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.closerange(3, 1 << 20)
    if request["start_new_session"]:
        os.setsid()
    elif request["process_group"] >= 0:
        os.setpgid(0, request["process_group"])
    for number, is_ignored in request["signals"]:  # else as when Python starts
        plain = (
            signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        )
        signal.signal(number, signal.SIG_IGN if is_ignored else plain)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    sys.stdin = sys.__stdin__ = _stream(0, "r", sys.__stdin__)  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _stream(1, "w", sys.__stdout__)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _stream(2, "w", sys.__stderr__)  # type: ignore[misc]


def _stream(number: int, mode: str, before: io.TextIOBase | Any) -> io.TextIOWrapper:
    raw = open(number, f"{mode}b", closefd=False)  # noqa: SIM115 - to the end
    return io.TextIOWrapper(
        raw,
        encoding=before.encoding,
        errors=before.errors,
        line_buffering=number == 2 or raw.isatty(),
    )


def run(words: Sequence[str]) -> None:
    """Do what Python does with these arguments: -m MODULE, -c CODE, or FILE."""
    sys.orig_argv = [sys.executable, *words]
    first, *rest = words
    if first == "-m":
        sys.argv = rest
        sys.path.insert(0, os.getcwd())
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.argv = ["-c", *rest[1:]]
        sys.path.insert(0, "")
        main = types.ModuleType("__main__")
        sys.modules["__main__"] = main
        exec(compile(rest[0], "<string>", "exec"), main.__dict__)
    else:
        sys.argv = list(words)
        sys.path.insert(0, os.path.dirname(first))
        runpy.run_path(first, run_name="__main__")


def end(code: int) -> None:
    """End as Python does, but free nothing: that takes a third of a short command."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with contextlib.suppress(ValueError):  # it was closed
        sys.stdout.flush()
    os._exit(code)


def exit_code(words: Sequence[str]) -> int:
    """Run, and return what the process ends with."""
    try:
        run(words)
    except SystemExit as error:
        if isinstance(error.code, int):
            return error.code
        if error.code is None:
            return 0
        print(error.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        sys.excepthook(*sys.exc_info())
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


if __name__ == "__main__":
    sys.path.pop(0)  # our own directory
    preload()
    gc.freeze()
    request, files = wait_for_request(socket.socket(fileno=int(sys.argv[1])))
    become(request, files)
    end(exit_code(request["words"]))
