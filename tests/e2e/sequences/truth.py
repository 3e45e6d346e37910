"""What the PVs say, against the simulators' truth and what daqpv did."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from daqpv.core import Result
from daqpv.ecc import EccState, Transition
from tests.e2e.sequences.order import History, Request, States, check_order
from tests.e2e.sequences.player import EccPlayer, Player, SystemPlayer
from tests.e2e.sequences.timing import (
    GET_STATE,
    LOST,
    MARGIN,
    NEWS,
    PERIOD,
    SLACK,
    STOP,
)
from tests.support.waiting import until

_AT_REST = {"StepBack": "Done", "Abort": "Done"}
_FAILURES = {Result.REFUSED, Result.FAILED, Result.ABORTED, Result.TIMEOUT}


# What is true when all is quiet


def check_truth(system: SystemPlayer, eccs: Sequence[EccPlayer]) -> set[EccState]:
    """The PVs say where the servers are; return where that is."""
    states = {ecc.name: ecc.at_rest() for ecc in eccs}
    for ecc in eccs:
        truth = states[ecc.name]
        condition = "Broken" if truth is EccState.BROKEN else "OK"
        said = {"State": truth.label, "State_RBV": truth.label, "Transition": "None"}
        said |= {"Transitioning": "No", "Command": "None", "Online": "Online"}
        said |= {"Condition": condition, "RefreshConfigs": "Done"}
        _until_said(ecc, said | _AT_REST)
    common = set(states.values())
    state = common.copy().pop().label if len(common) == 1 else "Mixed"
    condition = "Broken" if EccState.BROKEN in common else "OK"
    count = str(len(eccs))
    said = {"State": state, "State_RBV": state, "Transitioning": "No"}
    said |= {"Online": "Online", "Condition": condition, "Disabled": ""}
    said |= {"OnlineCount": count, "EnabledCount": count, "Stop": "Done"}
    _until_said(system, said | _AT_REST)
    return common


def _until_said(player: Player, said: Mapping[str, str]) -> None:
    until(
        lambda: all(player.client.get(name) == said[name] for name in said),
        lambda: f"{player.name}: { {n: player.client.get(n) for n in said} } is {said}",
        PERIOD + GET_STATE + MARGIN,
    )


def check_monitors(player: Player) -> None:
    """Monitors have told the last value, in order, and each end of a command once."""
    for name, monitor in player.monitors.items():
        _until_told(player, name)
        stamps = [event["timestamp"] for event in monitor.events]
        rising = all(a < b for a, b in pairwise(stamps))
        assert rising, f"{player.name} {name}: stamps {stamps}"
    counts = [event["value"] for event in player.monitors["ResultCount"].events]
    assert all(b - a in (0, 1) or not b for a, b in pairwise(counts)), counts


def _until_told(player: Player, name: str) -> None:
    def texts() -> list[str]:
        return player.monitors[name].texts[-1:]

    until(
        lambda: texts() == [player.client.get(name)],
        lambda: f"{player.name} {name} == {player.client.get(name)}; told {texts()}",
    )


# How puts ended


def check_count(player: Player) -> None:
    """Each put that is a command ended once; one that joined another, with that.

    A server has commands of the system besides.
    """
    ended = int(player.client.get("ResultCount")) - player.count
    least, most = player.counted, player.counted + player.perhaps
    assert ended >= least, f"{player.name}: {ended} ended of {least}"
    if isinstance(player, SystemPlayer):
        assert ended <= most, f"{player.name}: {ended} ended of {least} to {most}"
    player.count, player.counted, player.perhaps = player.count + ended, 0, 0


def check_results(player: Player) -> None:
    """What each callback said is the Result of a command that ended then."""
    ends = list(_ends(player))
    for put in player.puts:
        if put.ended is None:
            continue
        took = put.ended - put.began
        assert not put.is_stop or took < STOP, f"{player.name}: {put}: {took:.1f} s"
        if not put.counts:
            assert put.is_done, f"{player.name}: {put}"
            continue
        wanted = {Result.DONE} if put.is_done else _FAILURES
        results = [r for t, r in ends if put.began - NEWS < t < put.ended + NEWS]
        assert wanted.intersection(results), f"{player.name}: {put}, {results}"


def _ends(player: Player) -> Iterator[tuple[float, Result]]:
    """When commands ended, and how."""
    events = tuple(player.monitors["Result"].events)
    results = [one for one in events if one["value"] != Result.BUSY]
    for event in tuple(player.monitors["ResultCount"].events):
        moment = event["timestamp"]
        known = [one for one in results if one["timestamp"] <= moment + 1e-4]
        if known:
            yield moment, Result(known[-1]["value"])


# What was sent, and what was told


def check_log(eccs: Sequence[EccPlayer], *, before: States) -> list[Request]:
    """What daqpv sent was in order, and what it was told shows; return all of that.

    Args:
        eccs: all servers.
        before: where daqpv held all of them to be when the log was read last.
    """
    logs = {ecc.name: ecc.read_on() for ecc in eccs}
    histories = {
        ecc.name: History(
            ecc.name, logs[ecc.name], switched=_switched(ecc), before=before
        )
        for ecc in eccs
    }
    describes = {ecc.config.split("/")[0] for ecc in eccs}
    for ecc in eccs:
        history = histories[ecc.name]
        history.check_own()
        ends = [event["timestamp"] for event in ecc.monitors["ResultCount"].events]
        history.check_once(ends, is_cut=ecc.had_outage)
        history.check_configs(describes)
        for name in ("State", "Transition"):
            _check_news(_heard(history, ecc), ecc.monitors[name].events, name)
    check_order(histories)
    return [request for log in logs.values() for request in log]


def _switched(ecc: EccPlayer) -> Iterator[tuple[float, bool]]:
    for event in tuple(ecc.monitors["Enable"].events)[1:]:
        yield event["timestamp"], bool(event["value"])


def _heard(history: History, ecc: EccPlayer) -> Iterator[Request]:
    """The answers that came in time, by which daqpv went.

    About when something that it sends arrives it knows better than the server.
    """
    for answer in history.told:
        when = answer["answered"]
        is_late = when - answer["time"] > GET_STATE / 2
        is_surpassed = any(-SLACK < when - sent.time < LOST for sent in history.sent)
        if when > ecc.since and not is_late and not is_surpassed:
            yield answer


def _check_news(
    told: Iterable[Request], events: Sequence[Mapping[str, Any]], name: str
) -> None:
    """What a server told daqpv, monitors tell soon."""
    codes: Any = {"State": EccState, "Transition": Transition}[name]
    labels = [code.label for code in codes]
    ends = [event["timestamp"] for event in events[1:]] + [math.inf]
    shown = [
        (event["timestamp"], end, labels[event["value"]])
        for event, end in zip(events, ends, strict=True)
    ]
    for answer in told:
        when = answer["answered"]
        if when < shown[0][0]:
            continue  # before the monitors
        seen = {
            what for begin, end, what in shown if begin < when + NEWS and end > when
        }
        assert answer[name.lower()] in seen, f"{name} {seen} after {when}: {answer}"
