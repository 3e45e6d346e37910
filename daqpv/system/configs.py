"""Sets one configuration name for all servers, or for none."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from daqpv.core import Command, Cure
from daqpv.ecc import ConfigId, EccState, Server
from daqpv.errors import AbortedError, DaqError, RefusedError, sentence
from daqpv.system.plural import MOST, config_of, names, they_are

_PREPARE_UP_TO = EccState.DESCRIBED
_CONFIGURE_UP_TO = EccState.PREPARED


async def choose_everywhere(
    command: Command, servers: Sequence[Server], name: str, *, prefix: str
) -> None:
    """Replace prepare and configure name of every server by `name`.

    Servers that did not list it when last read choose first. If one refuses, those
    that have accepted it get their old one back.

    Args:
        command: an abort gives the old ones back, too.
        servers: the enabled ones.
        name: of the files configure-NAME.xcfg and, in old servers, prepare-NAME.xcfg.
        prefix: of the PVs of the system, for the cure.

    Raises:
        RefusedError: a server refuses it; none has it.
    """
    old = _present(servers)
    new = {one: ConfigId(id_.describe, name, name) for one, id_ in old.items()}
    changing = [one for one in servers if old[one] != new[one]]
    _check_states(changing, old, name, prefix)
    doubtful = [one for one in changing if new[one] not in one.snapshot.configs]
    sure = [one for one in changing if one not in doubtful]
    try:
        await command.within(_choose(doubtful, new))
        await command.within(_choose(sure, new))
    except (AbortedError, RefusedError):
        taken = [one for one in changing if one.snapshot.config == new[one]]
        await _choose(taken, old)
        raise


def _present(servers: Sequence[Server]) -> dict[Server, ConfigId]:
    """The configurations of all servers."""
    if not servers:
        raise RefusedError("No ECC server is enabled.")
    found = {one: one.snapshot.config for one in servers}
    bare = [one for one, config in found.items() if config is None]
    if bare:
        raise RefusedError(
            f"{names(bare)}: no configuration, so no describe name to keep. First:",
            cure=config_of(bare[0]),
        )
    return {one: config for one, config in found.items() if config is not None}


def _check_states(
    servers: Sequence[Server], old: Mapping[Server, ConfigId], name: str, prefix: str
) -> None:
    """Refuse names that servers have already used, for all in one sentence."""
    for part, last in (("prepare", _PREPARE_UP_TO), ("configure", _CONFIGURE_UP_TO)):
        beyond = [
            one
            for one in servers
            if getattr(old[one], part) != name and one.snapshot.heading > last
        ]
        if beyond:
            raise RefusedError(
                f"{names(beyond)}: {they_are(beyond)}, and the {part} name may change "
                f"up to {last.label}. First:",
                cure=Cure(prefix, "Target", last.label),
            )


async def _choose(
    servers: Sequence[Server], configs: Mapping[Server, ConfigId]
) -> None:
    """Let all choose at once.

    Raises:
        RefusedError: some refuse; it says why.
    """
    errors: list[str] = []

    async def one(server: Server) -> None:
        try:
            await server.choose(str(configs[server]))
        except DaqError as error:
            text = sentence(error)
            errors.append(text if server.name in text else f"{server.name}: {text}")

    await asyncio.gather(*map(one, servers))
    if errors:
        rest = len(errors) - MOST
        more = f" And {rest} more." if rest > 0 else ""
        raise RefusedError(f"{' '.join(errors[:MOST])}{more} No server has it.")
