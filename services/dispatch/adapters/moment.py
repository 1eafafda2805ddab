"""When and where a transaction judges: the database's clock, the registry's tree and the policies, as it found them."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import Connection

from chassis.vault import Vault
from services.dispatch.adapters import bulk
from services.dispatch.adapters.places import PlacesCache, PlacesSnapshot
from services.dispatch.adapters.policies import PolicyCache
from services.dispatch.domain.policy import PolicyBook

OPENING = ("clock_timestamp()", "(SELECT revision FROM read_model)")
"""What `opened` is told: columns, for a statement that is made anyway to bring along."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What all transactions of a process share."""

    places: PlacesCache
    policies: PolicyCache
    vault: Vault


class Moment:
    """Each is read when first asked for, and stays.

    Repositories hold its methods and it knows none of them: a unit of work is freed as soon as its transaction ends.
    One that knew itself would stay until Python's collector runs; recommendations leave it 1,400 teams each, and every
    seventeen seconds of a storm all commands waited 350 ms for it.
    """

    def __init__(self, connection: Connection, shared: Shared) -> None:
        self._connection = connection
        self._shared = shared
        self._places: PlacesSnapshot | None = None
        self._policies: PolicyBook | None = None
        self._now: datetime | None = None

    @property
    def now(self) -> datetime:
        """The database's clock, read after the locks were had: time spent waiting for them has passed."""
        if self._now is None:
            self.look()
        return cast("datetime", self._now)

    @property
    def places(self) -> PlacesSnapshot:
        """The grid tree and the centres as committed when first asked for."""
        if self._places is None:
            self.look()
        return cast("PlacesSnapshot", self._places)

    def policies(self) -> PolicyBook:
        """Every SLA policy."""
        if self._policies is None:
            self._policies = self._shared.policies.current(self._connection)
        return self._policies

    def look(self) -> None:
        """The database's clock, and whether our copy of the registry is the newest: one statement for both."""
        self.opened(*bulk.select(self._connection, f"SELECT {', '.join(OPENING)}")[0])

    def opened(self, now: datetime, revision: int) -> None:
        """What another statement brought along of OPENING."""
        self._now = now
        if self._places is None:
            self._places = self._shared.places.at(self._connection, revision)
