"""What a feed does with lines that dispatch did not answer: those that take an incident in are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from contracts.catalogue import load_command
from contracts.refusal import InvalidMessage
from contracts.rights.deciding import may
from gateway.journal.intake import INTAKE, Intake
from gateway.rpc import Caller
from gateway.together import Answer

TAKEN = 202


@dataclass(frozen=True, slots=True)
class Keeper:
    """The intake, on behalf of one caller."""

    intake: Intake
    caller: Caller

    async def clear(self, seconds: float) -> bool:
        """Wait until nothing that this caller sent before still waits; False when something does after `seconds`."""
        return await self.intake.backlog.clear(self.caller.actor.owner, seconds)

    async def keep(self, commands: Sequence[dict[str, Any]]) -> list[Answer | None]:
        """An answer of status 202 for each command that was kept, None for the others. Order holds."""
        keeping = [may(self.caller.actor, INTAKE) and _reads_well(command) for command in commands]
        chosen = [command for command, kept in zip(commands, keeping, strict=True) if kept]
        answers = iter(await self.intake.keep(chosen, self.caller))
        return [next(answers) if kept else None for kept in keeping]


def _reads_well(command: dict[str, Any]) -> bool:
    """Whether it takes an incident in and is one that dispatch can read: what is kept must not be refused for form."""
    if command.get("command") != INTAKE:
        return False
    try:
        load_command(command)
    except InvalidMessage:
        return False
    return True
