"""Data routers as PVs, over a real SSH connection, and the files of runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from daqpv.errors import OperationError
from tests.support.experiment import Client, Lab
from tests.support.sshd import DataRouter, Sshd, data_router, port, sshd, staging, write
from tests.support.waiting import until

__all__ = ["data_router", "port", "sshd", "staging"]

NO_CHECK = "run: {checks: {disk_free: 0}}\n"


def say(lab: Lab, watch: str, port: int = 46005) -> None:
    """Let the experiment file say how data0 is watched."""
    plain = "data0: {address: 127.0.0.1}"
    watched = (
        f"data0: {{address: 127.0.0.1, port: {port}, period: 0.2, watch: {watch}}}"
    )
    lab.file.write_text(lab.file.read_text().replace(plain, watched) + NO_CHECK)


@pytest.fixture
def lab(
    make_lab: Callable[..., Lab],
    sshd: Sshd,
    staging: Path,
    port: int,
    data_router: Callable[..., DataRouter],
) -> Lab:
    """A simulated CoBo, whose router is watched over SSH."""
    lab = make_lab()
    data_router(staging, port)
    say(lab, f"{{ssh: '{sshd.target}'}}", port)
    lab.simulate()
    lab.serve()
    lab.client("data0", "Router").until("Online", "Online")
    return lab


def severity(client: Client, signal: str) -> str:
    return client.get(f"{signal}.SEVR")


def test_a_run_over_ssh_and_its_files(lab: Lab, staging: Path) -> None:
    router = lab.client("data0", "Router")
    run, system = lab.client("", "Run"), lab.client("", "Sys")
    assert router.get("Directory") == str(staging)
    assert router.get("StagingEmpty") == "Yes"
    assert abs(float(router.get("ClockOffset"))) < 1
    assert float(router.get("DiskSize")) >= float(router.get("DiskFree")) > 0
    system.until("Online", "Online")
    system.put("Target", "Ready")
    run.put("Start", "1")
    rate = router.monitor("Rate")
    for n in range(44):
        write(staging, f"CoBo0_AsAd{n}_0000.graw", 100_000)
    router.until("Files", "44")
    router.until("Bytes", "0.004")
    assert max(event["value"] for event in rate.events) > 0
    run.put("Stop", "1")
    sorted_to = staging / "exp" / "run_0001"
    until(lambda: sorted_to.is_dir() and len(list(sorted_to.iterdir())) == 44, "44")
    router.until("StagingEmpty", "Yes")
    run.until("Sorting", "No")
    assert min(event["value"] for event in rate.events) >= 0

    write(staging, "left.graw")
    router.until("StagingEmpty", "No")
    with pytest.raises(OperationError):
        run.put("Start", "1")
    assert f"caput {run.prefix}Sweep 1" in run.get("LastError")
    run.put("Sweep", "1")
    assert len(list((staging / "unassigned").glob("*Z/left.graw"))) == 1
    run.put("Start", "1")
    run.put("Stop", "1")


def test_a_router_that_is_lost_is_one_alarm(lab: Lab, sshd: Sshd) -> None:
    router = lab.client("data0", "Router")
    sshd.stop()
    router.until("Online", "Offline")
    assert router.get("Condition") == "Offline"
    assert severity(router, "Online") == "MAJOR"
    assert severity(router, "Condition") == "NO_ALARM"
    for signal in ("Rate", "Bytes", "Files", "DiskFree", "DiskUsed", "StagingEmpty"):
        assert severity(router, signal) == "INVALID"
    assert "connection refused" in router.get("Message")
    sshd.start()
    router.until("Online", "Online")
    assert severity(router, "Rate") == "NO_ALARM"


def test_a_disk_that_is_nearly_full_is_an_alarm(lab: Lab, sshd: Sshd) -> None:
    router = lab.client("data0", "Router")

    def fills(percent: int) -> None:
        taken, free = 10**7 * percent, 10**7 * (100 - percent)
        row = f"/dev/disk1 {taken + free} {taken} {free} {percent}% /"
        sshd.stand_in("df", f"echo '{row}'\n")
        router.until("DiskUsed", f"{percent}.0")

    fills(79)
    assert severity(router, "DiskUsed") == "NO_ALARM"
    fills(80)
    assert severity(router, "DiskUsed") == "MINOR"
    assert router.get("DiskFree") == "204.800"
    fills(95)
    assert severity(router, "DiskUsed") == "MAJOR"
    fills(94)
    assert severity(router, "DiskUsed") == "MINOR"


def test_simulated_routers_take_a_run(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(cobos=2)
    say(lab, "{ssh: 'attpc@192.168.41.60'}")
    lab.start("simulate", "lab.yaml", "--local", "local.yaml", "--speed", "50")
    lab.start("serve", "local.yaml")
    run, system = lab.client("", "Run"), lab.client("", "Sys")
    router = lab.client("data0", "Router")
    system.until("Online", "Online")
    system.put("Target", "Ready")
    router.until("Online", "Online")
    folder = Path(router.get("Directory"))
    assert folder == lab.folder / "local-data" / "data0"
    run.put("Start", "1")
    router.until("Files", "4")  # one for each AsAd board
    until(lambda: float(router.get("Rate")) > 0, "data")
    run.put("Stop", "1")
    sorted_to = folder / "exp" / "run_0001"
    until(lambda: sorted_to.is_dir() and len(list(sorted_to.iterdir())) == 4, "files")
    names = sorted(path.name for path in sorted_to.iterdir())
    assert all(name.startswith(f"CoBo0_AsAd{n}_") for n, name in enumerate(names))
    assert all(name.endswith("_0000.graw") for name in names)
    router.until("StagingEmpty", "Yes")


@pytest.mark.parametrize("there", [True, False])
def test_configuration_files_are_kept_with_the_run(
    make_lab: Callable[..., Lab], tmp_path: Path, sshd: Sshd, there: bool
) -> None:
    folder = tmp_path / "Configs"
    folder.mkdir()
    (folder / "describe-cobo0.xml").write_text("<describe ü/>\n")
    (folder / "configure-exp.xcfg").write_text("<configure/>\n")
    lab = make_lab()
    more = f"config_dir: {folder}" + (f"\n    ssh: {sshd.target}" if there else "")
    text = lab.file.read_text().replace("    links:", f"    {more}\n    links:")
    lab.file.write_text(text)
    lab.simulate()
    lab.serve()
    run, system = lab.client("", "Run"), lab.client("", "Sys")
    system.until("Online", "Online")
    system.put("Target", "Ready")
    run.put("Start", "1")
    run.until("Documents", "3")
    assert run.get("DocumentsMissing") == ""
    run.put("Stop", "1")

    def kept() -> list[tuple[str, str]]:
        with closing(sqlite3.connect(lab.folder / "exp.db")) as store:
            return store.execute(
                "SELECT name, text FROM run_document ORDER BY name"
            ).fetchall()

    until(lambda: len(kept()) == 3, "three texts")
    answer, configure, describe = kept()
    assert answer[0] == "Configure answer"
    assert "<ConfigSet>" in answer[1]
    assert configure == ("configure-exp.xcfg", "<configure/>\n")
    assert describe == ("describe-cobo0.xml", "<describe ü/>\n")
