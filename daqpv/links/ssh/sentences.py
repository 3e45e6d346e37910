"""Turns error output of ssh into a sentence with a cure.

The first line that names a cause is used: with a jump host, the message of the
computer that fails comes first, and the consequences for the others come after.

Source: OpenSSH 9.2 and 10.0, sshconnect.c, sshconnect2.c, packet.c, readconf.c.
"""

from __future__ import annotations

import re
from collections.abc import Callable

SSH_FAILED = 255
"""Exit code of ssh itself; all others come from the remote shell."""

_JUMP = re.compile(r"UNKNOWN port 65535")  # says the target's ssh if the jump is lost
_OFFENDING = re.compile(r"^Offending .*key in (.+):\d+\s*$", re.MULTILINE)


def login_failed(by_hand: str, said: str, code: int) -> str:
    """Return the reason and the cure of a failed login.

    Args:
        by_hand: the command to log in by hand: ``ssh -p 22 user@host``.
        said: what ssh wrote to its standard error.
        code: its exit code.
    """
    if code != SSH_FAILED:
        return _shell_failed(by_hand, said, code)
    said = said.replace("\r", "")
    for line in said.splitlines():
        for pattern, say in _CAUSES:
            if found := pattern.search(line):
                way = _JUMP.search(said) and not _JUMP.search(line)
                where = "on the way there, through another computer: " if way else ""
                return where + say(found, by_hand, said)
    words = " ".join(said.split())[-300:] or f"exit code {code}"
    return f"no login ({words}). Does this work: {by_hand}"


def script_failed(by_hand: str, what: str, said: str, code: int | None) -> str:
    """Explain why a script ended with `code`; `said` is its error output."""
    words = said.strip()[-200:] or "no reason"
    ended = "" if code is None else f" (exit code {code})"
    return f"{what} failed there: {words}{ended}. {_try(by_hand)}"


def no_program(error: OSError | ValueError) -> str:
    """Explain why ssh cannot be run on this computer."""
    if isinstance(error, FileNotFoundError):
        return (
            f"there is no program {error.filename} on this computer. Install it: "
            "apt-get install openssh-client"
        )
    if isinstance(error, OSError):
        name = f" {error.filename}" if error.filename else ""
        return f"ssh cannot be run on this computer:{name}: {error.strerror}"
    return f"ssh cannot be run on this computer: {error}"


def _shell_failed(by_hand: str, said: str, code: int) -> str:
    words = " ".join(said.split())[-200:] or "no reason"
    if "restricted" in words or code == 127:
        return (
            f"the login shell there runs no sh ({words}). daqpv needs a POSIX shell: "
            "give this user one (chsh), or put sh on the PATH of the restricted shell"
        )
    return f"the login shell there runs no sh ({words}; {code}). {_try(by_hand)}"


def _try(by_hand: str) -> str:
    return f"Does this work: echo id | {by_hand} sh -s"


_Say = Callable[[re.Match[str], str, str], str]


def _name_unknown(found: re.Match[str], _by_hand: str, _said: str) -> str:
    name, reason = found.groups()
    if "emporary" in reason:
        return (
            f"no name server answers for {name} ({reason}). Give the address in "
            "numbers, or mend the name server"
        )
    return f"{name}: no such name. Correct it, or give the IP address"


def _not_reached(found: re.Match[str], _by_hand: str, _said: str) -> str:
    name, port, reason = found.groups()
    if reason == "Connection refused":
        return (
            f"connection refused by {name} port {port}. Nothing listens there: start "
            "sshd (on a Mac: Remote Login)"
        )
    reason = reason[:1].lower() + reason[1:]
    return f"{name} port {port}: {reason}. Is the computer on, and on the network?"


def _key_changed(found: re.Match[str], by_hand: str, said: str) -> str:
    name = found[1]
    file = _OFFENDING.search(said)
    which = f" -f '{file[1]}'" if file else ""
    return (
        f"the host key of {name} has CHANGED. If that computer was set up anew: "
        f"ssh-keygen -R '{name}'{which}, then once by hand: {by_hand}. If not, "
        "another computer may answer there: nothing was sent"
    )


def _key_unknown(found: re.Match[str], by_hand: str, _said: str) -> str:
    name = found.groupdict().get("name")
    return (
        f"the host key{f' of {name}' if name else ''} is not known here. Log in once "
        f"by hand, as the user who runs daqpv, and compare it: {by_hand}"
    )


def _refused(found: re.Match[str], by_hand: str, _said: str) -> str:
    to_copy = re.sub(r"ssh(?= |$)", "ssh-copy-id", by_hand, count=1)
    return (
        f"the login is refused to {found[1]} ({found[2]}). It has to work without a "
        f"password: {to_copy} (a key with a passphrase wants an ssh-agent)"
    )


def _too_many_keys(_found: re.Match[str], _by_hand: str, _said: str) -> str:
    return (
        "the login is refused: too many keys were offered. Say which one is right in "
        "~/.ssh/config: IdentityFile and IdentitiesOnly yes"
    )


def _jump_stuck(found: re.Match[str], by_hand: str, _said: str) -> str:
    return (
        f"the jump host cannot connect to it: {found[1]}. Is the computer on, and its "
        f"sshd? Does this work: {by_hand}"
    )


def _nothing_common(found: re.Match[str], by_hand: str, _said: str) -> str:
    return (
        f"{found[1]}: ssh and sshd have no {found[2]} in common (it offers {found[3]})."
        f" Allow one in ~/.ssh/config until this works: {by_hand}"
    )


def _bad_file(found: re.Match[str], _by_hand: str, _said: str) -> str:
    return f"{found[0].strip().rstrip('.')}. Mend it, for ssh as well"


def _silent(_found: re.Match[str], by_hand: str, _said: str) -> str:
    return f"it does not answer as an sshd. Does this work: {by_hand}"


_CAUSES: list[tuple[re.Pattern[str], _Say]] = [
    (re.compile(pattern), say)
    for pattern, say in (
        (r"Could not resolve hostname (.+?): (.*)", _name_unknown),
        (r"connect to host (\S+) port (\d+): (.*)", _not_reached),
        (r"Host key for (\S+) has changed", _key_changed),
        (r"No \S+ host key is known for (?P<name>\S+) and", _key_unknown),
        (r"Host key verification failed", _key_unknown),
        (r"(\S+@\S+): Permission denied \((.*?)\)", _refused),
        (r"Too many authentication failures", _too_many_keys),
        (r"open failed: (.+)", _jump_stuck),
        (
            r"Unable to negotiate with (.+?): no matching (.+) found\. "
            r"Their offer: (.*)",
            _nothing_common,
        ),
        (r"^Bad owner or permissions on .*", _bad_file),
        (r"^.*: [Bb]ad configuration option.*", _bad_file),
        (r"^\S.* line \d+: .*", _bad_file),
        (r"^Can't open user config file .*", _bad_file),
        (r"timed out during banner exchange", _silent),
    )
]
