#!/usr/bin/env bash
# EPICS base (epicscorelibs 7.0.10.99.0.2), seen on 2026-11-29.
#
# An output record whose OUT link goes over Channel Access (CA flag) to a record that
# refuses puts reports nothing: a put-callback to it succeeds and its severity stays
# NO_ALARM. The refusal is one line on the console of the IOC ("dbCaTask ca_array_put
# Channel write request failed"), where no client sees it.
#
# Output seen:
#     put-callback to T:out: done
#     T:out.SEVR: 0
#     T:a: 0.0
#
# So a site that links a record to a PV that may refuse has to watch the read-back.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${ioc:-}" 2> /dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q epicscorelibs==7.0.10.99.0.2 aioca==2.1
port=$(venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export EPICS_CA_SERVER_PORT=$port EPICS_CAS_INTF_ADDR_LIST=127.0.0.1
export EPICS_CA_ADDR_LIST=127.0.0.1 EPICS_CA_AUTO_ADDR_LIST=NO
cat > t.db <<'DB'
record(ao, "T:a") { field(DISP, "1") }
record(ao, "T:out") { field(OUT, "T:a CA") }
DB
venv/bin/python -m epicscorelibs.ioc -d t.db < <(exec sleep 60) > ioc.log 2>&1 &
ioc=$!
cat > client.py <<'PY'
import asyncio

import aioca


async def main() -> None:
    # the link of the record needs its channel first
    while int(await aioca.caget("T:out.UDF", timeout=20)):
        await aioca.caput("T:out", 5.0, wait=True, timeout=20)
    with open("ioc.log") as log:
        for _ in range(100):
            await aioca.caput("T:out", 5.0, wait=True, timeout=20)
            log.seek(0)
            if "Channel write request failed" in log.read():
                break
            await asyncio.sleep(0.1)
    await aioca.caput("T:out", 5.0, wait=True, timeout=20)
    print("put-callback to T:out: done")
    print("T:out.SEVR:", int(await aioca.caget("T:out.SEVR")))
    print("T:a:", float(await aioca.caget("T:a")))


asyncio.run(main())
PY
venv/bin/python client.py 2> /dev/null | tee seen
grep -qx 'put-callback to T:out: done' seen
grep -qx 'T:out.SEVR: 0' seen
grep -qx 'T:a: 0.0' seen
grep -q 'Channel write request failed' ioc.log
