"""A data router on another computer, over SSH, and the operations on its files.

Each exchange is one script. File names are sent as bytes between zero bytes, so they
may contain any character. dataRouter writes to its working directory (read from /proc
on Linux, by lsof elsewhere), unless the experiment file names another one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from daqpv.errors import NotConnectedError, ProtocolError
from daqpv.links.ssh import router_answers as answers
from daqpv.links.ssh import router_scripts as scripts
from daqpv.links.ssh.connections import SshHost, path, quoted
from daqpv.links.ssh.router_answers import DATA_PORT, Answer, Process
from daqpv.routers import (
    DataFile,
    Moved,
    Observation,
    Obstacle,
    printable,
)


class SshRouterLink:
    """A data router on the computer `host`; fulfils `daqpv.routers.RouterLink`.

    Args:
        name: of the router.
        host: its computer.
        port: at which the boards reach it: identifies it among others there.
        staging: its directory, ``~/`` for the home of the user; "": the working
            directory of its process.
    """

    def __init__(
        self, name: str, host: SshHost, *, port: int = DATA_PORT, staging: str = ""
    ) -> None:
        self._name = name
        self._host = host
        self._port = port
        self._staging = staging
        self._directory = b""  # the directory found last
        self._who = f"{name} at {host.target}"

    async def __aenter__(self) -> SshHost:
        return await self._host.__aenter__()

    async def __aexit__(self, *failure: object) -> None:
        await self._host.__aexit__(*failure)

    async def observe(self, *, timeout: float) -> Observation:
        """Read its process, files, disk and clock."""
        for _ in range(2):  # again if its directory has changed, and at first
            found = await self._observe(timeout=timeout)
            if found is not None:
                return found
        raise ProtocolError(f"{self._who}: its directory changes with every poll")

    async def files(self, directory: bytes, *, timeout: float) -> Sequence[DataFile]:
        """List the data files in `directory`."""
        answer = await self._ask(scripts.FILES, d=quoted(directory), timeout=timeout)
        return answers.files(answer)

    async def has(
        self, directory: bytes, experiment: str, folder: str, *, timeout: float
    ) -> bool:
        """Whether `experiment` has `folder` in `directory`: read, not assumed."""
        answer = await self._ask(
            scripts.HAS,
            d=quoted(directory),
            e=quoted(experiment.encode()),
            f=quoted(folder.encode()),
            timeout=timeout,
        )
        return answer.next() == b"yes"

    async def move(
        self,
        directory: bytes,
        names: Collection[bytes],
        into: str,
        *,
        timeout: float,
    ) -> Moved:
        """Move files to the directory `into`; see `RouterLink`."""
        words = b" ".join(map(quoted, names))
        answer = await self._ask(
            b"set -- " + words + b"\n" + scripts.MOVE,
            d=quoted(directory),
            t=quoted(into.encode()),
            timeout=timeout,
        )
        stayed = []
        there: Sequence[DataFile] = ()
        while (word := answer.next()) == b"stayed":
            name, why = answer.next(), answer.next()
            stayed.append(Obstacle(name, printable(why).strip("; ")))
        if word == b"files":
            there = answers.files(answer, begun=True)
        return Moved(there, stayed)

    async def _observe(self, *, timeout: float) -> Observation | None:
        """Read once; None if its directory is not the expected one."""
        known = path(self._staging) if self._staging else quoted(self._directory)
        answer, offset = await self._ask_with_clock(
            scripts.ROUTERS + scripts.OBSERVE, known, timeout
        )
        processes = []
        while (word := answer.next()) == b"router":
            processes.append(
                answers.process(answer.next(), answer.next(), answer.next())
            )
        if not self._staging:
            directory = self._choose(processes)
            if directory != self._directory or word != b"directory":
                self._directory = directory
                return None
        elif not processes:
            raise NotConnectedError(f"{self._who}: no dataRouter runs there. Start it")
        real = answer.next().removesuffix(b"\n")
        files = answers.files(answer)
        disk = answers.disk(answer.next())
        return Observation(
            directory=self._directory or real,
            files=files,
            disk=disk,
            clock_offset=offset,
            process=self._process_of(processes),
        )

    def _process_of(self, processes: Collection[Process]) -> str:
        """The number of this router's process; "" if it is not known."""
        ours = sorted(one.number for one in processes if one.port == self._port)
        return ",".join(map(printable, ours))

    def _choose(self, processes: Collection[Process]) -> bytes:
        """Choose the directory of this router from all processes there."""
        directories = {one.directory for one in processes if one.port == self._port}
        if not directories:
            ports = ", ".join(sorted({str(one.port) for one in processes}))
            others = f"; one runs for port {ports}" if ports else ""
            raise NotConnectedError(
                f"{self._who}: no dataRouter runs there for port {self._port}{others}. "
                "Start it"
            )
        if len(directories) > 1:
            every = ", ".join(sorted(map(printable, directories)))
            raise ProtocolError(
                f"{self._who}: several dataRouter run there for port {self._port}, in "
                f"{every}. End one, or say in the file, in its watch: staging"
            )
        (directory,) = directories
        if not directory:
            raise ProtocolError(
                f"{self._who}: the directory of dataRouter cannot be seen by this "
                "user. Log in as the one who runs it, or say it in the file, in its "
                "watch: staging"
            )
        return directory

    async def _ask_with_clock(
        self, script: bytes, directory: bytes, timeout: float
    ) -> tuple[Answer, float]:
        head = b"d=" + directory + b"\n" + scripts.TOOLS
        done = await self._host.run(
            head + script, what=f"the poll of {self._name}", timeout=timeout
        )
        answer = Answer(self._who, done.output)
        clock = answers.clock(answer.next())
        return answer, clock - (done.sent + done.begun) / 2

    async def _ask(self, script: bytes, *, timeout: float, **words: bytes) -> Answer:
        head = b"".join(
            b"%s=%s\n" % (name.encode(), word) for name, word in words.items()
        )
        done = await self._host.run(
            head + scripts.TOOLS + script,
            what=f"the work on the files of {self._name}",
            timeout=timeout,
        )
        return Answer(self._who, done.output)
