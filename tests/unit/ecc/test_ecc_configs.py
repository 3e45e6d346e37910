"""Configurations: chosen, checked, and never sent empty or unlisted."""

from __future__ import annotations

import pytest

from daqpv.core import Condition, Result
from daqpv.ecc import ConfigId, EccState, Operation
from daqpv.errors import LinkError, RefusedError
from tests.support.ecc import CONFIG, OTHER, PREFIX, Fault, Lab, laboratory

BROKEN, IDLE, DESCRIBED, PREPARED, READY, RUNNING, PAUSED = EccState


async def test_without_a_configuration_the_way_up_is_refused_with_the_cure() -> None:
    async with laboratory(config=None) as lab:
        with pytest.raises(RefusedError) as refusal:
            await lab.ecc.reach(READY)
        assert "CoBo0 has no configuration" in str(refusal.value)
        assert f"caput -S {PREFIX}Config cobo0/e20009/e20009" in str(refusal.value)
        assert lab.sent == []


@pytest.mark.parametrize(
    ("state", "operation"),
    [
        (IDLE, Operation.DESCRIBE),
        (DESCRIBED, Operation.PREPARE),
        (PREPARED, Operation.CONFIGURE),
    ],
)
async def test_without_a_configuration_no_operation_that_needs_one_is_sent(
    state: EccState, operation: Operation
) -> None:
    async with laboratory(config=None) as lab:
        await lab.at(state)
        with pytest.raises(RefusedError, match="no configuration"):
            await lab.ecc.operate(operation)
        assert lab.sent == []


@pytest.mark.parametrize("operation", [Operation.START])
async def test_start_needs_no_configuration(operation: Operation) -> None:
    async with laboratory(config=None) as lab:
        await lab.at(READY)
        await lab.ecc.operate(operation)
        assert lab.now.state is RUNNING


@pytest.mark.parametrize(
    ("state", "target"),
    [(READY, IDLE), (PAUSED, IDLE), (PAUSED, RUNNING), (READY, PAUSED)],
)
async def test_other_ways_need_no_configuration(
    state: EccState, target: EccState
) -> None:
    async with laboratory(config=None) as lab:
        await lab.at(state)
        await lab.ecc.reach(target)
        assert lab.now.state is target


async def test_an_unlisted_configuration_is_not_sent() -> None:
    async with laboratory(config=ConfigId("cobo0", "e20009", "e2009")) as lab:
        with pytest.raises(RefusedError) as refusal:
            await lab.ecc.reach(READY)
        assert "does not list the configuration cobo0/e20009/e2009" in str(
            refusal.value
        )
        assert "Did you mean cobo0/e20009/e20009?" in str(refusal.value)
        assert lab.sent == []


async def test_a_configuration_that_was_taken_away_is_not_sent(lab: Lab) -> None:
    lab.server.list = [OTHER]
    with pytest.raises(RefusedError, match="does not list"):
        await lab.ecc.reach(READY)
    assert lab.sent == []


async def test_a_configuration_that_came_since_is_found(lab: Lab) -> None:
    new = ConfigId("cobo0", "gas", "gas")
    lab.server.list.append(new)
    await lab.ecc.choose("cobo0/gas/gas")
    assert lab.now.config == new
    assert new in lab.now.configs


async def test_a_list_that_cannot_be_read_leaves_the_last_one_in_force(
    lab: Lab,
) -> None:
    lab.server.list_fault = Fault.GARBAGE
    await lab.ecc.reach(READY)
    assert lab.now.state is READY


async def test_what_no_list_ever_held_is_not_sent() -> None:
    lab_list_is_gone = Fault.GARBAGE
    async with laboratory(start=False) as lab:
        lab.server.list_fault = lab_list_is_gone
        await lab.until(lambda: lab.now.known)
        with pytest.raises(RefusedError, match="cannot check configuration"):
            await lab.ecc.reach(READY)
        assert lab.sent == []


@pytest.mark.parametrize(
    "text",
    ["", "/", "//", "a", "a/b", "a/b/", "/b/c", "a//c", "a/b/c/d", " / / ", "a/ /c"],
)
async def test_what_is_not_three_names_is_refused(lab: Lab, text: str) -> None:
    with pytest.raises(RefusedError, match="is not describe/prepare/configure"):
        await lab.ecc.choose(text)
    assert (lab.now.config, lab.now.result) == (CONFIG, Result.REFUSED)


async def test_an_unlisted_choice_is_refused(lab: Lab) -> None:
    with pytest.raises(RefusedError, match="does not list"):
        await lab.ecc.choose("cobo0/e20009/nothing")
    assert lab.now.config == CONFIG


async def test_a_listed_choice_is_taken(lab: Lab) -> None:
    await lab.ecc.choose("cobo0/e20009/pulser")
    assert (lab.now.config, lab.now.config_text) == (OTHER, "cobo0/e20009/pulser")


async def test_blanks_round_the_names_do_not_count(lab: Lab) -> None:
    await lab.ecc.choose(" cobo0 / e20009/pulser\n")
    assert lab.now.config == OTHER


async def test_the_choice_reaches_the_server(lab: Lab) -> None:
    await lab.ecc.choose("cobo0/e20009/pulser")
    lab.server.list = [OTHER]  # the model tells of any other part
    await lab.ecc.reach(READY)
    assert lab.now.state is READY


CHOICES = {
    "describe": ConfigId("cobo1", "e20009", "e20009"),
    "prepare": ConfigId("cobo0", "gas", "e20009"),
    "configure": ConfigId("cobo0", "e20009", "pulser"),
}
LAST = {"describe": IDLE, "prepare": DESCRIBED, "configure": PREPARED}


@pytest.mark.parametrize("state", [s for s in EccState if s is not BROKEN])
@pytest.mark.parametrize("part", CHOICES)
async def test_a_part_may_change_until_the_server_has_used_it(
    lab: Lab, state: EccState, part: str
) -> None:
    lab.server.list.extend(CHOICES.values())
    await lab.at(state)
    if state <= LAST[part]:
        await lab.ecc.choose(str(CHOICES[part]))
        assert lab.now.config == CHOICES[part]
    else:
        with pytest.raises(RefusedError) as refusal:
            await lab.ecc.choose(str(CHOICES[part]))
        assert f"the {part} part" in str(refusal.value)
        assert f"caput {PREFIX}Target {LAST[part].label}" in str(refusal.value)
        assert lab.now.config == CONFIG


async def test_a_part_in_use_by_a_running_transition_may_not_change(lab: Lab) -> None:
    lab.server.list.extend(CHOICES.values())
    other = lab.put(lab.server.foreign("Describe"))  # type: ignore[arg-type]
    await lab.until(lambda: lab.now.transitioning)
    with pytest.raises(RefusedError, match="the describe part"):
        await lab.ecc.choose(str(CHOICES["describe"]))
    await other


async def test_a_part_that_came_into_use_while_it_was_checked_may_not_change(
    lab: Lab,
) -> None:
    lab.server.list.extend(CHOICES.values())
    await lab.ecc.refresh_configs()
    lab.server.list_fault = Fault.HANG  # the last list counts, 10 s later
    choosing = lab.put(lab.ecc.choose(str(CHOICES["describe"])))
    await lab.pass_time(1.0)
    await lab.server.foreign("Describe")
    with pytest.raises(RefusedError, match="is Described: the describe part"):
        await choosing
    assert lab.now.config == CONFIG


async def test_in_broken_only_the_configure_part_may_change(lab: Lab) -> None:
    lab.server.list.extend(CHOICES.values())
    await lab.at(BROKEN)
    await lab.ecc.choose(str(CHOICES["configure"]))
    with pytest.raises(RefusedError, match=r"is Broken.*the prepare part"):
        await lab.ecc.choose("cobo0/gas/pulser")


async def test_the_first_choice_is_free_in_any_state() -> None:
    async with laboratory(config=None) as lab:
        await lab.at(RUNNING)
        await lab.ecc.choose(str(CONFIG))
        assert lab.now.config == CONFIG


async def test_a_choice_on_the_way_is_refused(lab: Lab) -> None:
    going = lab.put(lab.ecc.reach(READY))
    await lab.until(lambda: lab.sent)
    with pytest.raises(RefusedError, match="busy"):
        await lab.ecc.choose(str(OTHER))
    await going


async def test_a_choice_of_what_is_chosen_is_done_in_any_state(lab: Lab) -> None:
    await lab.at(RUNNING)
    await lab.ecc.choose(str(CONFIG))
    assert lab.now.result is Result.DONE


# The list


async def test_the_list_is_read_on_connection(lab: Lab) -> None:
    assert lab.now.config_list == "cobo0/e20009/e20009\ncobo0/e20009/pulser"


async def test_the_list_is_read_once_per_connection(lab: Lab) -> None:
    await lab.pass_time(100.0)
    assert lab.server.listings == 1


async def test_the_list_is_read_again_after_a_loss(lab: Lab) -> None:
    lab.server.process.die()
    await lab.until(lambda: lab.now.condition is Condition.OFFLINE)
    lab.server.list = [OTHER]
    lab.server.restart()
    await lab.until(lambda: lab.now.configs == (OTHER,), within=15.0)


async def test_the_list_is_read_again_after_a_restart_too_short_to_be_a_loss(
    lab: Lab,
) -> None:
    await lab.at(READY)
    lab.server.list = [OTHER]
    lab.server.restart()
    await lab.until(lambda: lab.now.state is IDLE)
    await lab.until(lambda: lab.now.configs == (OTHER,), within=15.0)


async def test_the_list_is_read_again_when_enabled(lab: Lab) -> None:
    await lab.ecc.enable(False)
    lab.server.list = [OTHER]
    await lab.pass_time(30.0)
    await lab.ecc.enable(True)
    await lab.until(lambda: lab.now.configs == (OTHER,), within=15.0)


async def test_the_list_is_read_again_on_request(lab: Lab) -> None:
    lab.server.list = [OTHER]
    await lab.ecc.refresh_configs()
    assert (lab.now.configs, lab.now.result) == ((OTHER,), Result.DONE)


async def test_a_list_that_cannot_be_read_on_request_is_a_failure(lab: Lab) -> None:
    lab.server.list_fault = Fault.GARBAGE
    with pytest.raises(LinkError):
        await lab.ecc.refresh_configs()
    assert (lab.now.configs, lab.now.result) == ((CONFIG, OTHER), Result.FAILED)


async def test_a_list_that_cannot_be_read_is_said_once() -> None:
    async with laboratory(start=False) as lab:
        lab.server.list_fault = Fault.GARBAGE
        await lab.pass_time(100.0)
        assert len(lab.texts("configs")) == 1
        lab.server.list_fault = None
        await lab.until(lambda: lab.now.configs, within=15.0)


async def test_a_list_that_cannot_be_read_is_asked_for_every_ten_seconds() -> None:
    async with laboratory(start=False) as lab:
        lab.server.list_fault = Fault.GARBAGE
        await lab.pass_time(100.0)
        assert lab.server.listings in (9, 10)


async def test_an_empty_list_is_a_list(lab: Lab) -> None:
    lab.server.list = []
    await lab.ecc.refresh_configs()
    with pytest.raises(RefusedError, match="does not list"):
        await lab.ecc.reach(READY)
    assert (lab.now.config_list, lab.sent) == ("", [])


async def test_the_reason_outlasts_a_choice_that_fills_the_pv(lab: Lab) -> None:
    with pytest.raises(RefusedError, match="is not describe/prepare/configure") as said:
        await lab.ecc.choose("x" * 4000)
    assert len(str(said.value)) < 200
    assert len(lab.now.message) < 200
