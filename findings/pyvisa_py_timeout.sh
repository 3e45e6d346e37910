#!/usr/bin/env bash
# pyvisa 1.16.2 with pyvisa-py 0.8.1, a TCPIP::SOCKET session, seen on 2026-11-29.
#
# A query that times out leaves its answer in the session. The next query, of something
# else, gets it, and so on: each later answer is that of the question before, without
# an error. clear() of the session ends it.
#
# Output seen (an instrument that answers each question with its own text; the first
# answer comes after the time-out):
#     MEAS:VOLT?: VI_ERROR_TMO
#     MEAS:CURR?: answer to MEAS:VOLT?
#     MEAS:POW?: answer to MEAS:CURR?
#     after clear(), MEAS:TEMP?: answer to MEAS:TEMP?
#
# So a client has to clear a session after each time-out, when the late answer has come.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q pyvisa==1.16.2 pyvisa-py==0.8.1
cat > late.py <<'PY'
import socketserver
import threading
import time
import warnings

import pyvisa

warnings.simplefilter("ignore")


class Instrument(socketserver.StreamRequestHandler):
    def handle(self):
        delay = 0.6
        for line in self.rfile:
            time.sleep(delay)
            delay = 0.0
            self.wfile.write(b"answer to " + line)


socketserver.ThreadingTCPServer.daemon_threads = True
server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Instrument)
threading.Thread(target=server.serve_forever, daemon=True).start()
session = pyvisa.ResourceManager("@py").open_resource(
    f"TCPIP::127.0.0.1::{server.server_address[1]}::SOCKET",
    read_termination="\n",
    write_termination="\n",
    timeout=300,
)


def ask(question, prefix=""):
    try:
        answer = session.query(question)
    except pyvisa.VisaIOError as error:
        answer = error.abbreviation
    print(f"{prefix}{question}: {answer}", flush=True)


ask("MEAS:VOLT?")
time.sleep(0.6)
ask("MEAS:CURR?")
ask("MEAS:POW?")
time.sleep(0.3)
session.clear()
ask("MEAS:TEMP?", "after clear(), ")
PY
venv/bin/python late.py | tee seen
grep -qx 'MEAS:VOLT?: VI_ERROR_TMO' seen
grep -qx 'MEAS:CURR?: answer to MEAS:VOLT?' seen
grep -qx 'MEAS:POW?: answer to MEAS:CURR?' seen
grep -qx 'after clear(), MEAS:TEMP?: answer to MEAS:TEMP?' seen
