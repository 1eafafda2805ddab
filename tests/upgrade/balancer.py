"""What stands before the gateways of both releases, as a county's load balancer does."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from tests.chaos.proxy import FaultProxy


class Balancer(FaultProxy):
    """New connections go to the gateways in turn; one that is taken out keeps those that it has."""

    def __init__(self, port: int) -> None:
        super().__init__("balancer", port, 0)

    def serve(self, ports: Sequence[int], *, cut: bool = False) -> None:
        """From now on these; `cut`: every connection begins anew, so that all of them are spread."""
        self._turn = itertools.cycle(ports)
        if cut:
            self.reset_all()

    @property
    def target(self) -> int:
        """Asked once for each new connection."""
        return next(self._turn)

    @target.setter
    def target(self, _port: int) -> None:
        """Said by `serve`."""
