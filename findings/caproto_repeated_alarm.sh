#!/usr/bin/env bash
# caproto 1.3.0, seen on 2026-11-29.
#
# A value that is written again and again with the same alarm has it only every other
# time: write(v, status=COMM, severity=INVALID) sets the alarm, the next equal write
# clears it, the third sets it. A poll loop that reports a lost device so shows an alarm
# that blinks. verify_value=False keeps it.
#
# Severities seen after four equal writes (3 is INVALID, 0 NO_ALARM):
#     verified: 3 0 3 0
#     not verified: 3 3 3 3
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q caproto==1.3.0 numpy==2.4.6
cat > alarms.py <<'PY'
import asyncio

from caproto import AlarmSeverity, AlarmStatus, ChannelDouble


async def severities(**options: bool) -> str:
    channel = ChannelDouble(value=1.0)
    seen = []
    for _ in range(4):
        await channel.write(
            1.0,
            status=AlarmStatus.COMM,
            severity=AlarmSeverity.INVALID_ALARM,
            **options,
        )
        seen.append(str(int(channel.alarm.severity)))
    return " ".join(seen)


async def main() -> None:
    print("verified:", await severities())
    print("not verified:", await severities(verify_value=False))


asyncio.run(main())
PY
venv/bin/python alarms.py 2> /dev/null | tee seen
grep -qx 'verified: 3 0 3 0' seen
grep -qx 'not verified: 3 3 3 3' seen
