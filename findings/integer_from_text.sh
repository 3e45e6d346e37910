#!/usr/bin/env bash
# EPICS base (epicscorelibs 7.0.10.99.0.2), seen on 2026-11-29.
#
# What a longout makes of a put of text (DBR_STRING, which the caput of EPICS base sends
# unless it is asked for something else): the leading part that C reads as an integer,
# and the rest is dropped without an error. A leading 0 means octal. Each of these puts
# succeeds:
#
#     '9' -> 9
#     '010' -> 8
#     '08' -> 0
#     '0x10' -> 16
#     '7.9' -> 7
#     '1e2' -> 1
#
# An analog record in the same database makes 100 of '1e2' and 10 of '010'.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${ioc:-}" 2> /dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q epicscorelibs==7.0.10.99.0.2 aioca==2.1
port=$(venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export EPICS_CA_SERVER_PORT=$port EPICS_CAS_INTF_ADDR_LIST=127.0.0.1
export EPICS_CA_ADDR_LIST=127.0.0.1 EPICS_CA_AUTO_ADDR_LIST=NO
echo 'record(longout, "T:l") {} record(ao, "T:a") {}' > t.db
venv/bin/python -m epicscorelibs.ioc -d t.db < <(exec sleep 60) > ioc.log 2>&1 &
ioc=$!
cat > client.py <<'PY'
import asyncio

import aioca


async def main() -> None:
    for text in ("9", "010", "08", "0x10", "7.9", "1e2"):
        await aioca.caput("T:l", text, wait=True, datatype=str, timeout=20)
        print(f"{text!r} -> {int(await aioca.caget('T:l'))}")
    for text in ("010", "1e2"):
        await aioca.caput("T:a", text, wait=True, datatype=str, timeout=20)
        print(f"analog: {text!r} -> {float(await aioca.caget('T:a')):g}")


asyncio.run(main())
PY
venv/bin/python client.py 2> /dev/null | tee seen
diff - seen <<'SEEN'
'9' -> 9
'010' -> 8
'08' -> 0
'0x10' -> 16
'7.9' -> 7
'1e2' -> 1
analog: '010' -> 10
analog: '1e2' -> 100
SEEN
