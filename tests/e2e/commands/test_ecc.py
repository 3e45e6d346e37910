"""daqpv ecc: what is seldom asked of a server, at its computer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.support.commands import daqpv, told


def test_ecc_exit_asks_and_no_means_no(shared_lab: Any) -> None:
    result = daqpv("ecc", "exit", str(shared_lab.file), "CoBo1", input="n\n")
    assert "End the ECC server CoBo1 at" in result.stdout
    assert result.exit_code == 1
    assert shared_lab.sim("CoBo1").operations().get("ServerExit", 0) == 0


def test_ecc_exit_ends_the_server_when_it_is_told_yes(shared_lab: Any) -> None:
    online = shared_lab.client("CoBo1").monitor("Online")
    online.until("Online")
    result = daqpv("ecc", "exit", str(shared_lab.file), "CoBo1", "--yes")
    assert result.stdout == "CoBo1: the process ends within 5 s.\n"
    online.until("Offline")


def test_ecc_exit_of_a_server_that_is_not_there_says_so(tmp_path: Path) -> None:
    file = tmp_path / "gone.yaml"
    port = os.environ["EPICS_CAS_SERVER_PORT"]  # of UDP alone, as long as nobody serves
    file.write_text(
        'experiment: e\nprefix: "E:"\n'
        f'ecc: {{CoBo0: {{url: "http://127.0.0.1:{port}"}}}}\n'
    )
    result = daqpv("ecc", "exit", str(file), "CoBo0", "--yes")
    assert result.exit_code == 1
    assert "connection refused" in told(result)[0]


def test_ecc_special_says_that_it_was_done(shared_lab: Any, cobo: Any) -> None:
    result = daqpv("ecc", "special", str(shared_lab.file), "CoBo0", "connect", "it")
    assert (result.exit_code, result.output) == (0, "CoBo0: done\n")


def test_ecc_special_tells_reason_and_code_when_it_fails(shared_lab: Any) -> None:
    result = daqpv("ecc", "special", str(shared_lab.file), "CoBo0", "nosuch", "100")
    assert result.exit_code == 1
    assert told(result) == ["CoBo0: Special command 'nosuch' is unknown. (code 1)"]


def test_ecc_of_a_server_that_is_none_is_refused_with_the_nearest(
    shared_lab: Any,
) -> None:
    result = daqpv("ecc", "special", str(shared_lab.file), "Cobo0", "connect")
    assert result.exit_code == 2
    assert told(result) == ["no ECC server 'Cobo0', did you mean 'CoBo0'?"]
