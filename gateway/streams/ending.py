"""Why a stream ends: the gateway stops, or its reader is no longer who it was when it began."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from chassis.actor import Actor
from chassis.errors import ServiceError
from gateway.security.token import Authority

LOOK_SECONDS = 5.0
"""How often a reader's credential is looked at again: a stream lasts for days, a token that is taken back does not."""
SHUTDOWN, CREDENTIAL_ENDED, RIGHTS_CHANGED = "shutdown", "credential_ended", "rights_changed"
StillThere = Callable[[], Awaitable[str | None]]


class Ending:
    """The reason of one stream's end; None while it goes on."""

    def __init__(self, draining: asyncio.Event) -> None:
        self._draining = draining
        self._reason: str | None = None

    @property
    def reason(self) -> str | None:
        return self._reason or (SHUTDOWN if self._draining.is_set() else None)

    def is_set(self) -> bool:
        return self.reason is not None

    async def watch(self, still_there: StillThere) -> None:
        """Look again and again, until there is a reason."""
        while self._reason is None:
            await asyncio.sleep(LOOK_SECONDS)
            self._reason = await still_there()


def credential(authority: Authority, shown: str | None, certificate: str | None, actor: Actor) -> StillThere:
    """What looks whether that which was shown still stands for the same actor."""

    async def look() -> str | None:
        try:
            now = await authority.recognise(shown, certificate)
        except ServiceError as error:
            # Nobody who can tell is there: what was true a moment ago is believed.
            return None if error.retryable else CREDENTIAL_ENDED
        return None if replace(now, purpose=actor.purpose) == actor else RIGHTS_CHANGED

    return look
