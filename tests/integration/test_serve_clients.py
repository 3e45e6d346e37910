"""The PV server with the clients that sites use, each in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

from tests.support import forks


def test_pyepics_reads_values_with_all_that_belongs_to_them(ioc: Any) -> None:
    told = ioc.client("""
        import epics
        pv = epics.PV(P + "Flow", form="ctrl")
        assert pv.wait_for_connection(5)
        pv.get_ctrlvars()
        tell([pv.get(), pv.units, pv.precision, pv.severity, pv.status,
              pv.upper_disp_limit, pv.upper_alarm_limit, pv.write_access])
    """)
    assert told == [81.5, "l/min", 3, 1, 4, 100, 95, False]


def test_pyepics_reads_enums_texts_and_arrays(ioc: Any) -> None:
    told = ioc.client("""
        import epics
        get = lambda name, **k: epics.caget(P + name, timeout=5, **k)
        tell([get("Valve_RBV", as_string=True), get("Title"), get("Flow.DESC"),
              get("Flow.EGU"), get("Valve.RTYP"), get("Flow.NAME$", as_string=True),
              bytes(get("Message")).rstrip(b"\\0").decode(),
              list(epics.PV(P + "Valve").enum_strs or
                   epics.PV(P + "Valve", form="ctrl").get_ctrlvars()["enum_strs"])])
    """)
    name = f"{ioc.prefix}Flow"
    assert told == [
        *("Closed", "no number", "", "l/min", "mbbo", name, "grün: " * 20),
        ["Closed", "Open", "Stuck"],
    ]


def test_a_put_with_callback_ends_with_the_action_and_events_come_first(
    ioc: Any,
) -> None:
    told = ioc.client("""
        import epics
        seen = []
        pv = epics.PV(P + "Valve_RBV", callback=lambda value, **k: seen.append(value))
        until(lambda: seen)
        for state in ("Open", "Closed", "Open", "Closed"):
            epics.caput(P + "Valve", state, wait=True, timeout=20)
        tell([seen, epics.caget(P + "LastBy")])
    """)
    seen, by = told
    assert seen[-4:] == [1, 0, 1, 0]
    assert "@" in by


def test_a_failed_put_tells_libca(ioc: Any) -> None:
    told = ioc.client("""
        import asyncio, aioca
        async def main():
            said = []
            for name, value in (("Valve", "Stuck"), ("Valve", "Purple"), ("Valve", 7),
                                ("Limit", 11.0), ("Limit", float("nan")),
                                ("Limit", "text")):
                try:
                    await aioca.caput(P + name, value, wait=True, timeout=5)
                    said.append("done")
                except aioca.CANothing as error:
                    said.append(error.errorcode)
            try:
                await aioca.caput(P + "Flow", 1, wait=True, timeout=5)
            except Exception as error:
                said.append(str(error)[:19])
            said.append(int(await aioca.caget(P + "Valve")))
            tell(said)
        asyncio.run(main())
    """)
    assert told == [*[160] * 6, "Write access denied", 0]


def test_an_old_style_get_that_cannot_be_converted_does_not_end_the_client(
    ioc: Any,
) -> None:
    told = ioc.client("""
        import ctypes, epics
        from epics import ca
        channel = ca.create_channel(P + "Title")
        ca.connect_channel(channel, timeout=5)
        value = ctypes.c_double()
        ca.libca.ca_array_get(6, 1, channel, ctypes.byref(value))
        status = ca.libca.ca_pend_io(ctypes.c_double(3.0))
        tell([status, epics.caget(P + "Title")])
    """)
    assert told[1] == "no number"


def test_a_monitor_that_cannot_be_converted_gets_what_can_be_and_harms_nobody(
    ioc: Any,
) -> None:
    told = ioc.client("""
        import epics
        from epics import ca
        seen, flow = [], []
        other = epics.PV(P + "Title", callback=lambda value, **k: flow.append(value))
        channel = ca.create_channel(P + "Title")
        ca.connect_channel(channel, timeout=20)
        kept = ca.create_subscription(channel, ftype=epics.dbr.DOUBLE,
                                      callback=lambda value, **k: seen.append(value))
        for text in ("still none", "42", "no number"):
            epics.caput(P + "Title", text, wait=True, timeout=20)
            until(lambda: text in flow)
        tell([42.0 in seen, epics.caget(P + "Flow"), epics.caget(P + "Title")])
    """)
    assert told == [True, 81.5, "no number"]


def test_long_texts_and_arrays_go_both_ways(ioc: Any) -> None:
    told = ioc.client("""
        import asyncio, aioca, numpy, epics
        async def main():
            text = "a long text, " * 40
            await aioca.caput(P + "Note", text, datatype=aioca.DBR_CHAR_STR, wait=True)
            back = await aioca.caget(P + "Note", datatype=aioca.DBR_CHAR_STR)
            dollar = await aioca.caget(P + "Note.VAL$", datatype=aioca.DBR_CHAR_STR)
            short = await aioca.caget(P + "Note", datatype=aioca.DBR_STRING, count=1)
            short = short if isinstance(short, str) else short[0]
            wave = numpy.arange(1_000_000, dtype=float)
            await aioca.caput(P + "Wave", wave, wait=True, timeout=20)
            same = bool((await aioca.caget(P + "Wave", timeout=20) == wave).all())
            part = [float(x) for x in await aioca.caget(P + "Wave", count=3)]
            await aioca.caput(P + "Names", ["a", "bc"], wait=True)
            names = [str(x) for x in await aioca.caget(P + "Names")]
            tell([back == text, dollar == text, str(short), same, part, names])
        asyncio.run(main())
    """)
    start = ("a long text, " * 4)[:39]
    assert told == [True, True, start, True, [0, 1, 2], ["a", "bc"]]


def test_libca_gets_and_monitors_through_filters(ioc: Any) -> None:
    told = ioc.client("""
        import asyncio, aioca
        async def main():
            seen, waves = [], asyncio.Queue()
            part = P + "Wave.[2:2:6]"
            await aioca.caput(P + "Wave", range(6), wait=True)
            count = (await aioca.cainfo(part)).count
            got = [float(x) for x in await aioca.caget(part)]
            aioca.camonitor(part, waves.put, all_updates=True)
            await asyncio.wait_for(waves.get(), 10)
            await aioca.caput(P + "Wave", range(10, 20), wait=True)
            event = [float(x) for x in await asyncio.wait_for(waves.get(), 10)]

            await aioca.caput(P + "Limit", 0, wait=True)
            band = P + 'Limit.{"dbnd":{"abs":2}}'
            done = asyncio.Event()
            def limit(value):
                seen.append(float(value))
                if value == 10:
                    done.set()
            aioca.camonitor(band, limit, all_updates=True)
            while not seen:
                await asyncio.sleep(0.01)
            for value in (1, 2, 3, 4, 6, 10):
                await aioca.caput(P + "Limit", value, wait=True)
            await asyncio.wait_for(done.wait(), 10)
            try:
                await aioca.caget(P + "Limit.{nosuch:{}}", timeout=0.5)
            except aioca.CANothing as error:
                seen.append(error.errorcode)
            tell([count, got, event, seen])
        asyncio.run(main())
    """)
    timed_out = 80
    assert told == [3, [2, 4], [12, 14, 16], [0, 3, 6, 10, timed_out]]


def test_a_plain_text_put_to_a_long_text_is_its_text(ioc: Any) -> None:
    told = ioc.client("""
        import ctypes
        from epics import ca
        import epics
        channel = ca.create_channel(P + "Note")
        ca.connect_channel(channel, timeout=5)
        text = ctypes.create_string_buffer(b"as caput sends it", 40)
        ca.libca.ca_array_put(0, 1, channel, text)
        ca.flush_io()
        tell(bytes(epics.caget(P + "Note")).rstrip(b"\\0").decode())
    """)
    assert told == "as caput sends it"


def test_a_slow_action_holds_up_nobody(ioc: Any) -> None:
    told = ioc.client("""
        import epics
        slow = epics.PV(P + "Slow")
        flow = epics.PV(P + "Flow", auto_monitor=False)
        assert slow.wait_for_connection(5) and flow.wait_for_connection(5)
        slow.put(1, use_complete=True)
        for _ in range(100):
            assert flow.get(timeout=20) == 81.5
        told = [slow.get(use_monitor=False), slow.put_complete]
        epics.caput(P + "Release", 1, wait=True, timeout=20)
        until(lambda: slow.put_complete)
        tell([*told, slow.get(use_monitor=False)])
    """)
    assert told == [1, False, 0]


def test_a_name_server_list_finds_pvs_without_udp(ioc: Any) -> None:
    told = ioc.client(
        """
        import epics
        tell([epics.caget(P + "Flow", timeout=10)])
        """,
        EPICS_CA_ADDR_LIST="",
        EPICS_CA_NAME_SERVERS=f"127.0.0.1:{ioc.port}",
    )
    assert told == [81.5]


def test_the_client_of_caproto_works(ioc: Any) -> None:
    told = ioc.client("""
        from caproto.sync.client import read, write
        write(P + "Limit", 4.5, notify=True, timeout=5, repeater=False)
        answer = read(P + "Limit", data_type="time", timeout=5, repeater=False)
        read(P + "Names", timeout=5, repeater=False)
        tell([float(answer.data[0]), int(answer.metadata.severity)])
    """)
    assert told == [4.5, 0]


def test_ten_thousand_channels_connect_at_once(busy_ioc: Any) -> None:
    told = busy_ioc.client("""
        from epics import ca
        channels = [ca.create_channel(f"{P}M{i}{end}", connect=False, auto_cb=False)
                    for i in range(1000)
                    for end in ("", ".DESC", ".EGU", ".SEVR", ".HIHI", ".NAME",
                                ".HIGH", ".LOW", ".LOLO", ".PREC")]
        until(lambda: all(ca.isConnected(c) for c in channels))  # alone: 0.6 s
        tell(len(channels))
    """)
    assert told == 10_000


MONITOR = """
    import epics
    newest = [0.0]
    pvs = [epics.PV(f"{P}M{i}", callback=lambda value, **k: newest.append(value))
           for i in range(1000)]
    until(lambda: len(newest) > 3000)
    print("running", flush=True)
    time.sleep(60)
"""


def test_a_stopped_client_disturbs_nobody(busy_ioc: Any) -> None:
    code = busy_ioc.script(MONITOR)
    with forks.Process(
        [sys.executable, "-c", code],
        env=busy_ioc.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "running\n"
        client.send_signal(signal.SIGSTOP)
        counts = busy_ioc.client("""
            import collections, epics
            counts = collections.Counter()
            pvs = [epics.PV(f"{P}M{i}", callback=lambda pvname, **k:
                            counts.update([pvname])) for i in range(50)]
            until(lambda: len(counts) == 50 and min(counts.values()) > 20)
            tell(len(counts))
        """)
        client.send_signal(signal.SIGCONT)
        client.kill()
    assert counts == 50


def test_after_a_kill_and_a_restart_all_pvs_are_valid_again(busy_ioc: Any) -> None:
    code = busy_ioc.script("""
        import epics
        seen = {}
        pvs = [epics.PV(f"{P}M{i}", auto_monitor=True, callback=lambda pvname, **k:
                        seen.update({pvname: k["severity"]})) for i in range(1000)]
        valid = lambda: len(seen) == 1000 and set(seen.values()) == {0}
        until(valid)
        tell("valid")
        until(lambda: not any(pv.connected for pv in pvs))
        seen.clear()
        tell("lost")
        begin = time.monotonic()
        until(valid)
        tell(time.monotonic() - begin)
    """)
    with forks.Process(
        [sys.executable, "-c", code],
        env=busy_ioc.environ,
        stdout=subprocess.PIPE,
        text=True,
    ) as client:
        assert client.stdout is not None
        assert json.loads(client.stdout.readline()) == "valid"
        busy_ioc.kill()
        assert json.loads(client.stdout.readline()) == "lost"
        busy_ioc.start()
        assert json.loads(client.stdout.readline()) < 20


def test_an_interrupt_ends_the_server_cleanly(make_ioc: Any) -> None:
    ioc = make_ioc()
    ioc.process.send_signal(signal.SIGINT)
    assert ioc.process.wait(30) in (0, 1, 130, -2)


def test_libca_goes_on_after_the_server_was_stopped(make_ioc: Any) -> None:
    ioc = make_ioc()
    script = ioc.script("""
        import epics
        seen = []
        title = epics.PV(P + "Title", callback=lambda value, **k: seen.append(value))
        until(lambda: seen)
        tell("first")
        until(lambda: not title.connected)
        tell("lost")
        until(lambda: title.connected)
        until(lambda: seen[1:])  # the present value again, though nothing has changed
        epics.caput(P + "Title", "then", wait=True, timeout=20)
        until(lambda: "then" in seen)
        epics.caput(P + "Title", "last", wait=True, timeout=20)
        until(lambda: "last" in seen)
        tell([value for value in seen if value != "no number"])
    """)
    with forks.Process(
        [sys.executable, "-c", script],
        env=ioc.environ | {"EPICS_CA_CONN_TMO": "2"},
        stdout=subprocess.PIPE,
        text=True,
    ) as client:
        assert client.stdout is not None
        assert json.loads(client.stdout.readline()) == "first"
        ioc.process.send_signal(signal.SIGSTOP)
        assert json.loads(client.stdout.readline()) == "lost"
        ioc.process.send_signal(signal.SIGCONT)
        assert json.loads(client.stdout.readline()) == ["then", "last"]


def test_a_client_that_searches_while_the_server_is_stopped_finds_it_later(
    make_ioc: Any,
) -> None:
    ioc = make_ioc()
    ioc.process.send_signal(signal.SIGSTOP)
    script = ioc.script("""
        import epics
        pv = epics.PV(P + "Flow")
        assert not pv.wait_for_connection(0.5)
        tell("searches")
        until(lambda: pv.get(timeout=20) == 81.5)
        tell("found")
    """)
    with forks.Process(
        [sys.executable, "-c", script],
        env=ioc.environ,
        stdout=subprocess.PIPE,
        text=True,
    ) as client:
        assert client.stdout is not None
        assert json.loads(client.stdout.readline()) == "searches"
        ioc.process.send_signal(signal.SIGCONT)
        assert json.loads(client.stdout.readline()) == "found"
