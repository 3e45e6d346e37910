#!/usr/bin/env bash
# pyepics 3.5.10 against a C IOC (epicscorelibs 7.0.10.99.0.2), seen on 2026-11-29.
#
# A put-callback that the server refuses looks like a success: PV.put(wait=True) and
# caput(wait=True) return 1, and the value is the old one. aioca 2.1, on the same
# network, raises "Channel write request failed". The status of the callback
# (ECA_PUTFAIL) reaches pyepics, which does not look at it.
#
# Output seen:
#     pyepics: put returned 1, the value is 0.0
#     aioca: T:a: Channel write request failed
#
# So a script that uses pyepics has to read back what it wrote.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${ioc:-}" 2> /dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q pyepics==3.5.10 epicscorelibs==7.0.10.99.0.2 aioca==2.1
port=$(venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export EPICS_CA_SERVER_PORT=$port EPICS_CAS_INTF_ADDR_LIST=127.0.0.1
export EPICS_CA_ADDR_LIST=127.0.0.1 EPICS_CA_AUTO_ADDR_LIST=NO
echo 'record(ao, "T:a") { field(DISP, "1") }' > t.db
venv/bin/python -m epicscorelibs.ioc -d t.db < <(exec sleep 60) > ioc.log 2>&1 &
ioc=$!
cat > by_pyepics.py <<'PY'
import epics

pv = epics.PV("T:a")
assert pv.wait_for_connection(20)
status = pv.put(3.0, wait=True, timeout=10)
print(f"pyepics: put returned {status}, the value is {pv.get(use_monitor=False)}")
PY
cat > by_aioca.py <<'PY'
import asyncio

import aioca


async def main() -> None:
    try:
        await aioca.caput("T:a", 3.0, wait=True, timeout=20)
        print("aioca: no error")
    except aioca.CANothing as error:
        print(f"aioca: {error}")


asyncio.run(main())
PY
venv/bin/python by_pyepics.py 2> /dev/null | tee seen
venv/bin/python by_aioca.py 2> /dev/null | tee -a seen
grep -qx 'pyepics: put returned 1, the value is 0.0' seen
grep -qx 'aioca: T:a: Channel write request failed' seen
