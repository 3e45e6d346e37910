"""All ECC servers as one, as an operator meets it: libca, SOAP, processes are real."""

from __future__ import annotations

from typing import Any

import pytest

from daqpv.errors import OperationError

NAMES = ["CoBo0", "CoBo1", "MuTAnT"]
INVALID = 3


@pytest.fixture(params=["one process", "four processes"])
def lab(make_lab: Any, request: pytest.FixtureRequest) -> Any:
    """A MuTAnT and two CoBos; the system cannot tell who serves them."""
    lab = make_lab(cobos=2, mutant=True)
    text = lab.file.read_text()
    lab.file.write_text(text.replace("get_state: 1 s", "get_state: 1 s, stop: 4 s"))
    lab.simulators = lab.simulate()
    if request.param == "one process":
        lab.serve()
    else:
        lab.serve_in_parts(*[[f"ecc.{name}"] for name in NAMES], ["system"])
    return lab


@pytest.fixture
def system(lab: Any) -> Any:
    system = lab.client("", kind="Sys")
    system.until("Online", "Online")
    return system


def states(lab: Any) -> set[str]:
    return {lab.client(name).get("State") for name in NAMES}


def sent(lab: Any) -> dict[str, list[str]]:
    """The operations that each server has got."""
    return {
        name: [
            operation
            for operation, count in lab.sim(name).operations().items()
            if not operation.startswith("Get")
            for _ in range(count)
        ]
        for name in NAMES
    }


def test_a_fresh_system_is_idle(system: Any) -> None:
    assert system.get("State") == system.get("State_RBV") == "Idle"
    assert system.get("Target") == "None"
    counts = [system.get(n) for n in ("OnlineCount", "EnabledCount", "Total")]
    assert counts == ["3", "3", "3"]
    assert system.get("Disabled") == ""
    assert system.get("ConfigName") == "exp"


def test_one_put_brings_all_to_running_and_another_to_idle(
    lab: Any, system: Any
) -> None:
    state, step = system.monitor("State"), system.monitor("Step")
    system.put("Target", "Running")
    assert (system.get("State"), states(lab)) == ("Running", {"Running"})
    assert (system.get("Result"), system.get("Progress")) == ("Done", "100")
    assert "Configure: CoBos, 2 of 2" in step.texts
    system.put("State", "Idle")
    state.until("Idle")
    assert states(lab) == {"Idle"}
    up, down = ["Describe", "Prepare", "Configure", "Start"], ["Stop", "Breakup"]
    assert {tuple(sorted(ops)) for ops in sent(lab).values()} == {
        tuple(sorted([*up, *down, "Undo", "Undo"]))
    }


def test_mixed_on_the_way_is_no_alarm(system: Any) -> None:
    state = system.monitor("State")
    system.put("Target", "Ready")
    state.until("Ready")
    assert "Mixed" in state.texts
    assert {event["severity"] for event in state.events} == {0}


def test_stop_stops_and_leaves_the_rest_ready(lab: Any, system: Any) -> None:
    system.put("Target", "Running")
    system.put("Stop", "1")
    assert states(lab) == {"Ready"}
    assert system.get("Target") == "Ready"


def test_stop_configures_nobody(lab: Any, system: Any) -> None:
    system.put("Target", "Described")
    system.put("Stop", "1")
    assert states(lab) == {"Described"}
    assert system.get("Result") == "Done"


def test_step_back_goes_back_by_one(lab: Any, system: Any) -> None:
    system.put("Target", "Running")
    system.put("StepBack", "1")
    assert states(lab) == {"Ready"}
    system.put("StepBack", "1")
    assert states(lab) == {"Prepared"}


def test_step_back_of_a_mixed_system_is_refused_with_the_cure(
    lab: Any, system: Any
) -> None:
    lab.client("CoBo0").put("Target", "Described")
    system.until("State", "Mixed")
    with pytest.raises(OperationError):
        system.put("StepBack", "1")
    cure = f"CoBo0 is Described, the others Idle: caput {system.prefix}Target Idle"
    assert cure in system.get("LastError")


def test_abort_ends_it_before_the_next_step(lab: Any, system: Any) -> None:
    lab.sim("MuTAnT").takes("Prepare", 2.0)
    mutant, result = lab.client("MuTAnT"), system.monitor("Result")
    system.put_only("Target", "Running")
    mutant.until("Transition", "Preparing")
    system.put("Abort", "1")
    result.until("Aborted")
    assert "aborted by" in system.get("LastError")
    mutant.until("State", "Prepared")
    assert lab.client("CoBo0").get("State") == "Described"
    assert "Prepare" not in sent(lab)["CoBo0"]


def test_the_way_down_takes_over(lab: Any, system: Any) -> None:
    lab.sim("CoBo1").takes("Configure", 2.0)
    result = system.monitor("Result")
    system.put_only("Target", "Running")
    lab.client("CoBo1").until("Transition", "Configuring")
    system.put("Target", "Idle")
    assert states(lab) == {"Idle"}
    assert "Aborted" in result.texts
    assert system.get("Result") == "Done"


def test_another_way_up_is_refused_meanwhile(lab: Any, system: Any) -> None:
    lab.sim("MuTAnT").takes("Prepare", 2.0)
    system.put_only("Target", "Ready")
    lab.client("MuTAnT").until("Transition", "Preparing")
    with pytest.raises(OperationError):
        system.put("Target", "Running")
    assert "Sys is busy: Prepare: MuTAnT" in system.get("LastError")
    system.put("Target", "Ready")
    assert states(lab) == {"Ready"}


def test_a_failure_is_told_with_its_server(lab: Any, system: Any) -> None:
    lab.sim("CoBo1").fault("Start", "refuse", message="CoBo[1]: no power | ", times=1)
    with pytest.raises(OperationError):
        system.put("Target", "Running")
    assert "CoBo1: Start failed: CoBo[1]: no power" in system.get("LastError")
    assert system.get("Result") == "Failed"
    assert states(lab) == {"Ready"}
    assert "Start" not in sent(lab)["MuTAnT"]
    system.put("Target", "Running")
    assert system.get("LastError") == ""


def test_a_cobo_alone_is_refused_beyond_described_with_the_cure(lab: Any) -> None:
    cobo, mutant = lab.client("CoBo0"), lab.client("MuTAnT")
    cobo.until("Online", "Online")
    mutant.until("Online", "Online")
    with pytest.raises(OperationError):
        cobo.put("State", "Ready")
    assert (
        "CoBo0: Prepare wants the MuTAnT at Prepared or above; it is Idle. First: "
        f"caput {mutant.prefix}Target Prepared, or all: "
        f"caput {lab.prefix}Sys:Target Ready"
    ) in cobo.get("LastError")
    assert not any(sent(lab).values())
    mutant.put("Target", "Prepared")
    cobo.put("State", "Ready")
    assert cobo.get("State") == "Ready"


def test_undo_beside_a_higher_server_is_refused(lab: Any, system: Any) -> None:
    system.put("Target", "Ready")
    cobo = lab.client("CoBo0")
    with pytest.raises(OperationError):
        cobo.put("Target", "Described")
    assert "Undo wants CoBo1 and MuTAnT at Prepared or below" in cobo.get("LastError")


def test_an_offline_server_is_major_refuses_upward_and_is_left_behind_downward(
    lab: Any, system: Any
) -> None:
    system.put("Target", "Ready")
    state, online = system.monitor("State"), system.monitor("Online")
    lab.sim("CoBo1")("/offline?seconds=60", "POST")
    lost = online.until("Offline")
    assert (lost["severity"], lost["status"]) == (2, 9)
    assert (state.events[-1]["severity"], state.texts[-1]) == (2, "Ready")
    with pytest.raises(OperationError):
        system.put("Target", "Running")
    assert "CoBo1 is Offline" in system.get("LastError")
    assert f"caput {lab.prefix}ECC:CoBo1:Enable 0" in system.get("LastError")
    with pytest.raises(OperationError):
        system.put("Target", "Idle")
    assert system.get("Result") == "Failed"
    assert "CoBo1 is Offline" in system.get("LastError")
    assert lab.client("MuTAnT").get("State") == "Idle"
    lab.client("CoBo1").put("Enable", "Disabled")
    system.put("Target", "Ready")
    assert system.get("Disabled") == "CoBo1"
    assert lab.client("CoBo0").get("State") == "Ready"


def test_the_cobos_stop_although_the_mutant_begins_to_hang(
    lab: Any, system: Any
) -> None:
    system.put("Target", "Running")
    lab.sim("MuTAnT").fault("Stop", "hang")
    with pytest.raises(OperationError):
        system.put("Stop", "1")
    assert states(lab) == {"Running", "Ready"}
    assert lab.client("MuTAnT").get("State") == "Running"
    assert lab.sim("CoBo0")()["state"] == lab.sim("CoBo1")()["state"] == "Ready"
    assert system.get("Result") in ("Failed", "Timeout")
    assert "MuTAnT" in system.get("LastError")


def test_the_cobos_stop_although_the_mutant_is_hung(lab: Any, system: Any) -> None:
    system.put("Target", "Running")
    lab.sim("MuTAnT").fault("*", "hang")
    system.until("OnlineCount", "2")
    with pytest.raises(OperationError):
        system.put("Stop", "1")
    assert lab.sim("CoBo0")()["state"] == lab.sim("CoBo1")()["state"] == "Ready"
    assert "MuTAnT is Hung: it may still take data" in system.get("LastError")


def test_with_all_servers_offline_nothing_goes_and_they_come_back(
    lab: Any, system: Any
) -> None:
    lab.simulators.end()
    system.until("OnlineCount", "0")
    assert system.monitor("State").events[0]["severity"] == INVALID
    for name, value in (("Target", "Running"), ("Target", "Idle"), ("StepBack", "1")):
        with pytest.raises(OperationError):
            system.put(name, value)
        assert system.get("Result") == "Refused"
    with pytest.raises(OperationError):
        system.put("Stop", "1")  # it is never refused
    assert system.get("Result") == "Failed"
    assert "CoBo1 is Offline: it may still take data" in system.get("LastError")
    lab.simulate()
    system.until("Online", "Online")
    assert (system.get("State"), sent(lab)) == ("Idle", {name: [] for name in NAMES})
    system.put("Target", "Ready")
    assert states(lab) == {"Ready"}


def test_mixed_is_not_a_target(system: Any) -> None:
    with pytest.raises(OperationError):
        system.put("State", "Mixed")
    assert system.get("Result") == "Refused"
    assert "Choose Idle" in system.get("LastError")


def test_a_configure_name_is_for_all_or_none(lab: Any, system: Any) -> None:
    with pytest.raises(OperationError):
        system.put("ConfigName", "nosuch")
    assert "does not list" in system.get("LastError")
    assert system.get("ConfigName") == "exp"
    assert lab.client("CoBo0").get("Config") == "cobo0/exp/exp"


def test_allowed_says_what_would_be_taken(system: Any) -> None:
    assert int(system.get("Allowed")) == 0b1111110
    system.put("Target", "Running")
    assert int(system.get("Allowed")) == 0b1111110
