#!/usr/bin/env bash
# asyncssh 2.24.1 against OpenSSH's ssh (9.2p1, Debian 12), seen on 2026-11-29.
#
# Both read the same ~/.ssh/config. OpenSSH skips what it cannot use: the first of two
# IdentityFiles that does not exist, a remark behind a value. For asyncssh either of them
# ends the connection, before anything is sent.
#
# Output seen:
#     nothing special: ssh logs in, asyncssh: logs in
#     two identity files, one missing: ssh logs in, asyncssh: FileNotFoundError
#     a remark behind a value: ssh logs in, asyncssh: ConfigParseError
#
# So "works with ssh" says nothing about a program that uses asyncssh with the same files.
# Needs ssh and sshd (Debian: openssh-server) and python3-venv.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${sshd:-}" 2> /dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q asyncssh==2.24.1
port=$(venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir -m 700 home home/.ssh
ssh-keygen -q -t ed25519 -N '' -f home/.ssh/key
ssh-keygen -q -t ed25519 -N '' -f host_key
cp home/.ssh/key.pub authorized_keys
cat > sshd_config <<EOF
ListenAddress 127.0.0.1
Port $port
HostKey $folder/host_key
AuthorizedKeysFile $folder/authorized_keys
StrictModes no
UsePAM no
PidFile none
LogLevel ERROR
EOF
if [ "$(id -u)" = 0 ]; then mkdir -p /run/sshd; fi
"$(PATH=$PATH:/usr/sbin command -v sshd)" -D -f sshd_config &
sshd=$!
cat > by_asyncssh.py <<'PY'
import asyncio

import asyncssh


async def main() -> None:
    try:
        async with asyncssh.connect("far") as connection:
            await connection.run("true", check=True)
        print("logs in")
    except Exception as error:
        print(type(error).__name__)


asyncio.run(main())
PY
echo "[127.0.0.1]:$port $(cat host_key.pub)" > home/.ssh/known_hosts
status=0
try() { # what, a line of the configuration, what asyncssh does
    { printf 'Host far\nHostName 127.0.0.1\nPort %s\n' "$port"
      printf '%s\n' "$2" "IdentityFile $folder/home/.ssh/key" \
          "UserKnownHostsFile $folder/home/.ssh/known_hosts"; } > home/.ssh/config
    by_ssh=fails
    for _ in $(seq 50); do # until sshd listens
        if ssh -F home/.ssh/config -o BatchMode=yes far true 2> /dev/null; then
            by_ssh="logs in"
            break
        fi
        sleep 0.1
    done
    by_asyncssh=$(env -u SSH_AUTH_SOCK HOME="$folder/home" venv/bin/python by_asyncssh.py)
    echo "$1: ssh $by_ssh, asyncssh: $by_asyncssh"
    [ "$by_ssh, $by_asyncssh" = "logs in, $3" ] || status=1
}
try "nothing special" "" "logs in"
try "two identity files, one missing" "IdentityFile $folder/nosuch" FileNotFoundError
try "a remark behind a value" "User $(id -un) # that is me" ConfigParseError
exit $status
