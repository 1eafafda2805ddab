"""The gateway with a token for each jurisdiction: `town-999999001` may see that town and nothing else."""

from __future__ import annotations

import time

from chassis.actor import Actor
from gateway import __main__, app
from gateway.security.token import DevelopmentToken


class TokensOfTowns(DevelopmentToken):
    """The development token, one for whatever jurisdiction it names, and `brief-…`, which is good for two seconds."""

    def __init__(self, token: str) -> None:
        super().__init__(token)
        self._first: dict[str, float] = {}

    def actor(self, token: str) -> Actor | None:
        found = super().actor(token)
        _, of_town, jurisdiction = token.partition("town-")
        if found is None and of_town:
            return Actor(f"reader-{jurisdiction}", f"town-{jurisdiction}", ("dispatcher",), (jurisdiction,))
        _, brief, jurisdiction = token.partition("brief-")
        if found is None and brief and time.monotonic() < self._first.setdefault(token, time.monotonic()) + 2:
            return Actor(f"reader-{jurisdiction}", f"town-{jurisdiction}", ("dispatcher",), (jurisdiction,))
        return found


if __name__ == "__main__":
    app.DevelopmentToken = TokensOfTowns  # type: ignore[misc]
    __main__.main()
