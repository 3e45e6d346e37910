"""The states of a simulated ECC server, as a client sees them. Literal bytes only."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from html import unescape

import pytest

from daqpv.ecc import EccState, Operation, Transition
from daqpv.sim.ecc import Behaviour, Build, EccSimulator, Fault, Kind, Repository

CONFIG = (
    '<ConfigId><SubConfigId type="describe">cobo0</SubConfigId>'
    '<SubConfigId type="prepare">e20009</SubConfigId>'
    '<SubConfigId type="configure">e20009</SubConfigId></ConfigId>'
)
LINKS = (
    '<DataLinkSet><DataLink><DataSender id="CoBo[0]"/><DataRouter name="data0" '
    'ipAddress="192.168.41.60" port="46005" type="TCP"/></DataLink></DataLinkSet>'
)
BUSY = "The ECC state machine is busy!"
WAYS = {
    1: "",
    2: "Describe",
    3: "Describe Prepare",
    4: "Describe Prepare Configure",
    5: "Describe Prepare Configure Start",
    6: "Describe Prepare Configure Start Pause",
}
LEGAL = {
    (1, "Describe"): 2,
    (2, "Prepare"): 3,
    (2, "Undo"): 1,
    (3, "Configure"): 4,
    (3, "Undo"): 2,
    (4, "Start"): 5,
    (4, "Breakup"): 3,
    (5, "Breakup"): 3,
    (6, "Breakup"): 3,
    (5, "Stop"): 4,
    (5, "Pause"): 6,
    (6, "Resume"): 5,
    (6, "Stop"): 4,
}
CODES = {
    "Describe": 1,
    "Prepare": 2,
    "Configure": 3,
    "Start": 4,
    "Stop": 5,
    "Pause": 6,
    "Resume": 7,
    "Breakup": 8,
    "Undo": 9,
}
_TEXT = re.compile(
    "<ecc:ResponseText><ErrorCode>([0-9]+)</ErrorCode>"
    "(?:<ErrorMessage/>|<ErrorMessage>([^<]*)</ErrorMessage>)"
    "(?:<Text/>|<Text>([^<]*)</Text>)</ecc:ResponseText>"
)
_STATE = re.compile(
    "<ecc:ResponseState><ErrorCode>([0-9]+)</ErrorCode>"
    "(?:<ErrorMessage/>|<ErrorMessage>([^<]*)</ErrorMessage>)"
    "<State>([0-9])</State><Transition>([0-9])</Transition></ecc:ResponseState>"
)
Text = tuple[int, str, str]


def request(method: str, *arguments: tuple[str, str]) -> bytes:
    inner = "".join(f"<{name}><![CDATA[{text}]]></{name}>" for name, text in arguments)
    body = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f'<e:{method} xmlns:e="urn:ecc">{inner}</e:{method}></s:Body></s:Envelope>'
    ).encode()
    return b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body


class Client:
    """Talks to one simulator, over a new connection each time."""

    def __init__(self, simulator: EccSimulator) -> None:
        self.simulator = simulator

    async def exchange(self, data: bytes) -> str:
        reader, writer = await asyncio.open_connection(
            self.simulator.host, self.simulator.port
        )
        try:
            writer.write(data)
            async with asyncio.timeout(10):
                return (await reader.read()).decode()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def do(self, method: str, config: str = CONFIG, table: str = LINKS) -> Text:
        """Code, message and text of an operation."""
        answer = await self.exchange(
            request(method, ("configID", config), ("table", table))
        )
        found = _TEXT.search(answer)
        assert found, answer
        code, message, text = found.groups(default="")
        return int(code), unescape(message), unescape(text)

    async def special(self, command: str) -> Text:
        answer = await self.exchange(
            request("Special", ("command", command), ("table", ""))
        )
        found = _TEXT.search(answer)
        assert found, answer
        return int(found[1]), unescape(found[2] or ""), found[3] or ""

    async def state(self) -> tuple[int, str, int, int]:
        """Code, message, State and Transition of GetState."""
        found = _STATE.search(await self.exchange(request("GetState")))
        assert found
        return int(found[1]), found[2] or "", int(found[3]), int(found[4])

    async def walk(self, way: str) -> None:
        for method in way.split():
            assert (await self.do(method))[:2] == (0, "")

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - it has no event to wait for
                await asyncio.sleep(0.001)


@pytest.fixture
async def simulator() -> AsyncIterator[EccSimulator]:
    async with EccSimulator("CoBo0", behaviour=Behaviour(speed=1000)) as simulator:
        yield simulator


@pytest.fixture
def client(simulator: EccSimulator) -> Client:
    return Client(simulator)


@pytest.mark.parametrize("method", list(CODES))
@pytest.mark.parametrize("state", list(WAYS))
async def test_an_operation_does_what_the_table_says_or_succeeds_at_nothing(
    client: Client, state: int, method: str
) -> None:
    await client.walk(WAYS[state])
    code, message, _ = await client.do(method)
    if (state, method) == (1, "Configure"):
        assert (code, message) == (3, "Configuration '' does not exist.")
    else:
        assert (code, message) == (0, "")
    assert await client.state() == (0, "", LEGAL.get((state, method), state), 0)


@pytest.mark.parametrize(("state", "method"), list(LEGAL))
async def test_during_a_transition_the_state_before_is_answered_and_others_are_busy(
    client: Client, simulator: EccSimulator, state: int, method: str
) -> None:
    await client.walk(WAYS[state])
    simulator.behaviour.durations[Operation(method)] = 1e9
    async with asyncio.TaskGroup() as group:
        running = group.create_task(client.do(method))
        await client.until(lambda: simulator.transition != 0)
        assert await client.state() == (0, BUSY, state, CODES[method])
        assert simulator.transition_for > 0
        for other, code in CODES.items():
            assert await client.do(other) == (code, BUSY, "")
        assert (await client.do("GetConfigIDs"))[0] == 0
        assert (await client.special("nonsense"))[0] == CODES[method]
        assert await client.state() == (0, BUSY, state, CODES[method])
        assert not running.done()
        simulator.hurry()
    assert running.result()[:2] == (0, "")
    assert await client.state() == (0, "", LEGAL[state, method], 0)
    assert simulator.transition is Transition.NONE
    assert simulator.transition_for == 0


@pytest.mark.parametrize("rivals", [("Start", "Start"), ("Start", "Breakup")])
async def test_of_racing_clients_exactly_one_wins(
    client: Client, simulator: EccSimulator, rivals: tuple[str, str]
) -> None:
    for _ in range(10):
        await client.walk(WAYS[4])
        async with asyncio.TaskGroup() as group:
            tasks = {
                group.create_task(client.do(method)): method
                for method in rivals
                for _ in range(5)
            }
        won = [task for task in tasks if task.result() == (0, "", "")]
        lost = [task for task in tasks if task not in won]
        assert len(won) == 1
        assert all(t.result() == (CODES[tasks[t]], BUSY, "") for t in lost)
        await simulator.restart()


async def test_a_transition_goes_on_to_its_end_if_the_client_gives_up(
    client: Client, simulator: EccSimulator
) -> None:
    simulator.behaviour.durations[Operation.DESCRIBE] = 1e9
    _, writer = await asyncio.open_connection(simulator.host, simulator.port)
    writer.write(request("Describe", ("configID", CONFIG), ("table", "")))
    await client.until(lambda: simulator.transition != 0)
    writer.close()
    await writer.wait_closed()
    simulator.hurry()
    await client.until(lambda: simulator.transition == 0)
    assert await client.state() == (0, "", 2, 0)


async def test_durations_are_divided_by_speed_and_vary_with_a_seed() -> None:
    steady = Behaviour(speed=4)
    assert steady.duration(Operation.CONFIGURE) == 2.0
    first, second = (Behaviour(jitter=0.1, seed=7) for _ in range(2))
    drawn = [first.duration(Operation.CONFIGURE) for _ in range(100)]
    assert drawn == [second.duration(Operation.CONFIGURE) for _ in range(100)]
    assert 7.2 <= min(drawn) < 7.5
    assert 8.5 < max(drawn) <= 8.8


async def test_breakup_of_a_run_takes_the_time_of_a_stop_as_well(
    client: Client, simulator: EccSimulator
) -> None:
    await client.walk(WAYS[5])
    simulator.behaviour.durations[Operation.STOP] = 150.0
    start = asyncio.get_running_loop().time()
    assert (await client.do("Breakup"))[0] == 0
    assert asyncio.get_running_loop().time() - start >= 0.15


def refuse(message: str = "", **more: int) -> Fault:
    return Fault(do=Kind.REFUSE, message=message, times=1, **more)


@pytest.mark.parametrize(("state", "method"), list(LEGAL))
async def test_a_failed_operation_answers_its_code_and_may_be_tried_again(
    client: Client, simulator: EccSimulator, state: int, method: str
) -> None:
    await client.walk(WAYS[state])
    simulator.faults.set(method, refuse("CoBo[0]: no clock | "))
    assert await client.do(method) == (CODES[method], "CoBo[0]: no clock | ", "")
    broken = method == "Breakup" or (state, method) == (3, "Undo")
    assert await client.state() == (0, "", 0 if broken else state, 0)
    assert (await client.do(method))[:2] == (0, "")
    final = 0 if (state, method) == (3, "Undo") else LEGAL[state, method]
    assert await client.state() == (0, "", final, 0)


async def test_after_a_failed_breakup_all_but_breakup_is_ignored(
    client: Client, simulator: EccSimulator
) -> None:
    await client.walk(WAYS[5])
    simulator.faults.set("Breakup", refuse())
    assert await client.do("Breakup") == (8, "Unknown error!", "")
    for method in CODES:
        if method != "Breakup":
            assert (await client.do(method))[:2] == (0, "")
            assert await client.state() == (0, "", 0, 0)
    await client.walk("Breakup Configure")
    assert await client.state() == (0, "", 4, 0)


async def test_after_a_failed_undo_of_prepare_all_is_ignored_until_a_restart(
    client: Client, simulator: EccSimulator
) -> None:
    await client.walk(WAYS[3])
    simulator.faults.set("Undo", refuse())
    assert (await client.do("Undo"))[0] == 9
    for method in CODES:
        assert (await client.do(method))[:2] == (0, "")
        assert await client.state() == (0, "", 0, 0)
    await simulator.restart()
    assert await client.state() == (0, "", 1, 0)


async def test_failures_without_a_message_say_what_the_true_server_says(
    client: Client, simulator: EccSimulator
) -> None:
    simulator.faults.set("Describe", refuse())
    _, message, _ = await client.do("Describe")
    assert message.startswith("Could not connect to 'CoBo' node '0' at 127.0.0.1:")
    await client.walk(WAYS[2])
    simulator.faults.set("Prepare", refuse())
    assert (await client.do("Prepare"))[1] == "CoBo[0]: Error: simulated | "
    await client.walk("Prepare Configure")
    simulator.faults.set("Start", refuse())
    assert (await client.do("Start"))[1].startswith("Could not start run (Ice::")


async def test_describe_prepare_configure_read_the_config_id_in_any_state(
    client: Client,
) -> None:
    for state, way in WAYS.items():
        await client.walk(way)
        for method, code in (("Describe", 1), ("Prepare", 2), ("Configure", 3)):
            for config in ("", "nonsense", "<ConfigId/>"):
                assert await client.do(method, config) == (
                    code,
                    "Configuration identifier '<ConfigId></ConfigId>' is not valid.",
                    "",
                )
        assert (await client.state())[2] == state
        await client.simulator.restart()


async def test_only_the_part_that_an_operation_needs_must_be_there(
    client: Client,
) -> None:
    part = '<ConfigId><SubConfigId type="{}">{}</SubConfigId></ConfigId>'
    describe = part.format("describe", "cobo0")
    assert (await client.do("Describe", describe))[0] == 0
    assert await client.do("Prepare", describe) == (
        2,
        f"Configuration identifier '{describe}' is not valid.",
        "",
    )
    assert (await client.do("Prepare", part.format("prepare", " \n e20009 ")))[0] == 0
    assert (await client.do("Configure", part.format("configure", "e20009")))[0] == 0
    assert (await client.state())[2] == 4


@pytest.mark.parametrize(
    ("state", "method"), [(1, "Describe"), (2, "Prepare"), (3, "Configure")]
)
async def test_a_file_that_does_not_exist_is_an_error_only_where_it_is_opened(
    client: Client, state: int, method: str
) -> None:
    config = CONFIG.replace("cobo0", "gone").replace("e20009", "gone")
    await client.walk(WAYS[state])
    assert await client.do(method, config) == (
        CODES[method],
        "Configuration 'gone' does not exist.",
        "",
    )
    assert (await client.state())[2] == state
    await client.simulator.restart()
    await client.walk(WAYS[5])
    assert (await client.do(method, config))[:2] == (0, "")


async def test_the_directory_is_read_anew_at_each_call(
    client: Client, simulator: EccSimulator
) -> None:
    simulator.repository.configures = ("new",)
    assert "new" in (await client.do("GetConfigIDs"))[2]
    simulator.repository.describes = {}
    assert (await client.do("GetConfigIDs"))[2] == "<ConfigIdSet>\n</ConfigIdSet>"


async def test_get_config_ids_lists_the_product_and_in_2014_all_triples() -> None:
    files = Repository({"b": (), "a&": ()}, ("y", "x"), ("p",))
    for build, prepare in ((Build.CURRENT, None), (Build.MAY_2014, "p")):
        async with EccSimulator("X", repository=files) as simulator:
            simulator.behaviour.build = build
            answer = await Client(simulator).exchange(request("GetConfigIDs"))
        text = unescape(answer.split("<Text>")[1].split("</Text>")[0])
        assert text == "<ConfigIdSet>\n" + "".join(
            f'\t<ConfigId><SubConfigId type="describe">{describe}</SubConfigId>'
            f'<SubConfigId type="prepare">{prepare or configure}</SubConfigId>'
            f'<SubConfigId type="configure">{configure}</SubConfigId></ConfigId>\n'
            for describe in ("a&", "b")
            for configure in ("x", "y")
        ) + ("</ConfigIdSet>")


async def test_describe_answers_its_senders_even_when_it_is_ignored(
    client: Client,
) -> None:
    senders = '<DataSenderSet>\n\t<DataSender id="CoBo[0]" />\n</DataSenderSet>'
    assert await client.do("Describe") == (0, "", senders)
    await client.walk("Prepare")
    assert await client.do("Describe") == (0, "", senders)


async def test_configure_answers_links_and_files(client: Client) -> None:
    await client.walk(WAYS[3])
    code, message, text = await client.do("Configure")
    assert (code, message) == (0, "")
    links, _, files = text.partition("\n<ConfigSet>")
    assert links == (
        '<DataLinkSet>\n\t<DataLink><DataSender id="CoBo[0]" /><DataRouter  '
        'name="data0" ipAddress="192.168.41.60" port="46005" type="TCP" /></DataLink>\n'
        "</DataLinkSet>"
    )
    assert re.findall('<File filename="([^"]+)"', files) == [
        "describe-cobo0.xcfg",
        "prepare-e20009.xcfg",
        "configure-e20009.xcfg",
        "hardwareDescription_get.xcfg",
    ]


async def test_an_ignored_configure_answers_the_files_opened_so_far(
    client: Client,
) -> None:
    code, message, text = await client.do("Configure")
    assert (code, message) == (3, "Configuration '' does not exist.")
    assert text == "<DataLinkSet>\n</DataLinkSet>\n"
    await client.walk("Describe")
    code, message, text = await client.do("Configure")
    assert (code, message) == (0, "")
    assert re.findall('subConfigType="([a-z]+)"', text) == ["describe", "hardware"]
    assert (await client.state())[2] == 2


async def test_back_in_idle_boards_and_links_are_forgotten(client: Client) -> None:
    await client.walk("Describe Prepare Configure Breakup")
    assert "<DataLink>" in (await client.do("Configure"))[2]
    await client.walk("Breakup Undo")
    assert "<DataLink>" in (await client.do("Configure"))[2]
    assert (await client.special("asad-inject 1"))[0] == 0
    await client.walk("Undo")
    assert "<DataLink>" not in (await client.do("Configure"))[2]
    assert (await client.special("asad-inject 1"))[0] == 1


@pytest.mark.parametrize(
    ("links", "message"),
    [
        ("", "Could not find a valid data router for data sender 'CoBo[0]'"),
        (
            LINKS.replace("CoBo[0]", "CoBo[1]"),
            "Could not find a valid data router for data sender 'CoBo[0]'",
        ),
        (
            LINKS.replace("46005", "66005"),
            "Could not find a valid data router for data sender 'CoBo[0]'",
        ),
        (
            LINKS.replace("TCP", "tcp"),
            "Could not connect data sender 'CoBo[0]' to its data router: "
            "Unknown data sender type 'tcp'",
        ),
        (
            LINKS.replace(' type="TCP"', ""),
            "Could not connect data sender 'CoBo[0]' to its data router: "
            "Unknown data sender type 'Tcp'",
        ),
    ],
    ids=["none", "of another", "no port", "lower case", "no type"],
)
async def test_configure_without_a_good_link_fails(
    client: Client, links: str, message: str
) -> None:
    await client.walk(WAYS[3])
    assert await client.do("Configure", table=links) == (3, message, "")
    assert (await client.state())[2] == 3
    await client.walk("Configure")


@pytest.mark.parametrize("kind", ["ICE", "TCP", "ZBUF", "FDT", "Debug", "DebugFrames"])
async def test_the_router_types_of_the_boards_are_known(
    client: Client, kind: str
) -> None:
    await client.walk(WAYS[3])
    assert (await client.do("Configure", table=LINKS.replace("TCP", kind)))[0] == 0


async def test_boards_without_read_out_need_no_link() -> None:
    files = Repository({"cobo0": ()}, ("e20009",))
    async with EccSimulator("M", repository=files) as simulator:
        simulator.behaviour.speed = 1000
        client = Client(simulator)
        await client.walk("Describe Prepare")
        assert (await client.do("Configure", table=""))[0] == 0
        await client.walk("Start")


@pytest.mark.parametrize(
    ("mutants", "message"),
    [
        (("Mutant[master]",), "Status register indicates master shelf is not ready!"),
        (
            ("Mutant[slave]",),
            "0 of the 1 MuTanT module(s) have been declared as master!",
        ),
        (
            ("Mutant[master]", "Mutant[s1]", "Mutant[s2]", "Mutant[s3]"),
            "There can be at most 2 MuTanT slave modules!",
        ),
    ],
)
async def test_configure_of_a_mutant_checks_its_shelf(
    mutants: tuple[str, ...], message: str
) -> None:
    files = Repository({"cobo0": mutants}, ("e20009",))
    async with EccSimulator("MuTAnT", repository=files) as simulator:
        simulator.behaviour.speed = 1000
        simulator.behaviour.is_shelf_ready = lambda: False
        client = Client(simulator)
        await client.walk("Describe Prepare")
        assert await client.do("Configure") == (3, message, "")


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("Reset x", 1, "Special command 'reset' is unknown."),
        ("", 1, "Special command '' is unknown."),
        ("connect TCP data0", 0, ""),
        ("ASAD-inject 100", 0, ""),
        ("write reg field 0x1F", 0, ""),
        ("writereg reg 7", 0, ""),
        ("writereg reg", 1, "Could not parse arguments for command 'writereg'."),
    ],
)
async def test_special_commands_are_known_or_not(
    client: Client, command: str, code: int, message: str
) -> None:
    await client.walk("Describe")
    assert await client.special(command) == (code, message, "")
    assert client.simulator.requests[-1].config_id == command


async def test_special_commands_for_boards_need_some(client: Client) -> None:
    assert await client.special("asad-inject 100") == (
        1,
        "Could not connect to AsAd pulser manager. ",
        "",
    )


async def test_server_exit_answers_and_the_process_leaves_in_time(
    client: Client, simulator: EccSimulator
) -> None:
    simulator.behaviour.exit_within = 0.05
    answer = await client.exchange(request("ServerExit"))
    assert (
        "<ecc:Response><ErrorCode>0</ErrorCode><ErrorMessage/></ecc:Response>" in answer
    )
    await client.until(lambda: not simulator.is_listening)
    with pytest.raises(ConnectionRefusedError):
        await client.state()
    assert simulator.crashed is None
    await simulator.restart()
    assert await client.state() == (0, "", 1, 0)


async def test_a_restart_overtakes_an_exit(
    client: Client, simulator: EccSimulator
) -> None:
    simulator.behaviour.exit_within = 0.02
    await client.exchange(request("ServerExit"))
    await simulator.restart()
    due = asyncio.get_running_loop().time() + 0.04
    await client.until(lambda: asyncio.get_running_loop().time() > due)
    assert await client.state() == (0, "", 1, 0)


async def test_a_server_that_was_asked_to_exit_ends_with_the_next_connection(
    client: Client, simulator: EccSimulator
) -> None:
    await client.exchange(request("ServerExit"))
    assert simulator.is_listening
    with contextlib.suppress(ConnectionError):
        assert await client.exchange(request("GetState")) == ""
    assert not simulator.is_listening


@pytest.mark.parametrize(
    "sub",
    [
        '<SubConfigId type="Describe">cobo0</SubConfigId>',
        "<SubConfigId>cobo0</SubConfigId>",
        '<SubConfigId type="prepare"></SubConfigId>',
    ],
    ids=["unknown type", "missing type", "empty"],
)
@pytest.mark.parametrize("method", ["Describe", "Prepare", "Configure"])
async def test_a_malformed_config_id_kills_the_process(
    client: Client, simulator: EccSimulator, method: str, sub: str
) -> None:
    await client.walk("Describe")
    reader, writer = await asyncio.open_connection(simulator.host, simulator.port)
    with contextlib.suppress(ConnectionError):
        config = f"<ConfigId>{sub}</ConfigId>"
        answer = await client.exchange(
            request(method, ("configID", config), ("table", ""))
        )
        assert answer == ""
    assert simulator.crashed is not None
    assert simulator.crashed.startswith(f"{method}: malformed SubConfigId")
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""  # another client is cut as well
    writer.close()
    port = simulator.port
    with pytest.raises(ConnectionRefusedError):
        await client.state()
    await simulator.restart()
    assert (simulator.crashed, simulator.port) == (None, port)
    assert await client.state() == (0, "", 1, 0)


async def test_a_restart_overtakes_the_revival_of_a_dead_process(
    client: Client, simulator: EccSimulator
) -> None:
    simulator.crash("a test", seconds=0.02)
    await simulator.restart()
    await client.walk("Describe")
    due = asyncio.get_running_loop().time() + 0.04
    await client.until(lambda: asyncio.get_running_loop().time() > due)
    assert await client.state() == (0, "", 2, 0)


async def test_a_process_that_is_kept_alive_comes_back_idle(
    client: Client, simulator: EccSimulator
) -> None:
    simulator.behaviour.keep_alive = 0.01
    await client.walk(WAYS[5])
    simulator.crash("a test")
    assert not simulator.is_listening
    await client.until(lambda: simulator.is_listening)
    assert simulator.crashed is None
    assert await client.state() == (0, "", 1, 0)
    assert simulator.state is EccState.IDLE
