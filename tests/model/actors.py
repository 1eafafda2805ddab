"""Who sends commands in the simulation: police, the desk, teams with their phones, and whoever errs or hurries.

All of it is drawn from one seed. Times are whole milliseconds; most are whole seconds, so that things do fall on the
very moment at which a clock is due.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.model.county_model import Ask
from tests.model.team_model import PLACES

SECOND = 1000
# (source, category), how often, how much slower everything goes than with a 110 call.
MATTERS = (
    (("police", "medical"), 44, 1), (("police", "traffic_collision_injury"), 20, 1),
    (("grid_worker", "whistle"), 14, 4), (("resident", "drill"), 12, 20), (("resident", "citizen_assist"), 10, 60),
)  # fmt: skip
_MATTERS, _WEIGHTS, _SLOWNESS = zip(*MATTERS, strict=True)
_CORRECTABLE = ("received", "pushed", "acknowledged", "resolved", "fed_back", "closed")
_STAGE_OF = {
    "accept": "accepted", "depart": "departed", "arrive": "arrived", "clear": "cleared", "incident.resolve": "resolved",
    "incident.feedback": "fed_back", "incident.close": "closed",
}  # fmt: skip
_TEAM_STAGES = ("assigned", "accepted", "departed", "arrived", "cleared")
_STRAY = (
    "incident.push", "incident.acknowledge", "incident.escalate", "incident.resolve", "incident.feedback",
    "incident.close", "incident.archive", "incident.cancel", "incident.reopen", "incident.hand_over", "incident.note",
    "incident.assign", "assignment.withdraw", "assignment.arrive", "assignment.refuse", "incident.merge",
    "incident.unmerge", "incident.read_contact",
)  # fmt: skip
_STRAY_WEIGHTS = (4, 2, 3, 3, 2, 3, 2, 4, 5, 2, 2, 4, 4, 3, 2, 3, 3, 3)
_TEAMS = ("T1", "T2", "T3", "T4", "P1", "P2", "B1", "T5")
_ABOUT_TEAMS = ("team.move", "team.change", "team.shifts", "team.create")
_CHANGES: tuple[tuple[str, object], ...] = (
    ("in_service", False), ("in_service", True), ("in_service", True), ("capacity", 1), ("capacity", 3),
    ("always_on", False), ("always_on", True), ("manned", False), ("manned", True), ("centre", "C-nowhere"),
)  # fmt: skip

Said = tuple[int, Ask]


class Actors:
    """The people of one lifecycle. Each method yields (when it happens, what is said)."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.incidents = random.choices((1, 2, 3), (78, 17, 5))[0]
        self.slowness = dict.fromkeys(range(1, self.incidents + 1), 1)
        self._keys = 0

    def key(self) -> str:
        self._keys += 1
        return f"k{self._keys}"

    def seconds(self, least: int, most: int, number: int) -> int:
        """A while, longer in matters that take longer, sometimes to the millisecond."""
        random = self.random
        whole = random.randrange(least, most + 1) * SECOND * self.slowness[number]
        return whole + (random.randrange(SECOND) if random.random() < 0.2 else 0)

    def opening(self, number: int) -> Iterator[Said]:
        """The call, and what a desk that does everything right would do with it."""
        random = self.random
        place = random.choices(range(len(MATTERS)), _WEIGHTS)[0]
        self.slowness[number] = _SLOWNESS[place]
        at = self.seconds(0, 120, number)
        source, category = _MATTERS[place]
        more = [("source", source), ("category", category)]
        if random.random() < 0.4:
            more.append(("push", True))
        if random.random() < 0.08:
            more.append(("exercise", True))
        if random.random() < 0.06:
            more.append(("located", False))
        if random.random() < 0.3:
            more.append(("contact", True))
        happened = at - random.choice((3599, 3600, 3601, 7200, 90_000)) * SECOND if random.random() < 0.07 else at
        yield at, Ask("incident.create", self.key(), number, happened, more=tuple(more))
        yield from self._at_the_desk(number, at)
        for _ in range(random.choices((0, 1, 2, 4), (46, 28, 15, 11))[0]):
            yield from self.stray(number, at)

    def _at_the_desk(self, number: int, at: int) -> Iterator[Said]:
        random = self.random
        at += self.seconds(2, 85, number)
        yield at, Ask("incident.push", self.key(), number, at)
        if random.random() < 0.4:
            yield at + 2 * SECOND, Ask("incident.acknowledge", self.key(), number, at + 2 * SECOND)
        at += self.seconds(2, 80, number)
        for _ in range(random.choices((0, 1, 2), (6, 74, 20))[0]):
            yield at, Ask("incident.assign", self.key(), number, at, team=self._team(0.5))
        if random.random() < 0.12:
            return
        at += self.seconds(120, 900, number)
        for name in ("incident.resolve", "incident.feedback", "incident.close", "incident.archive"):
            if random.random() < 0.06:
                return
            yield at, Ask(name, self.key(), number, at)
            if random.random() < 0.04:
                yield self._second_thought(number, _STAGE_OF.get(name, "pushed"), at)
            at += self.seconds(5, 300, number)
            if random.random() < 0.03:
                yield from self._once_more(number, at)
                return

    def _once_more(self, number: int, at: int) -> Iterator[Said]:
        """It was not over: the incident is opened again, and goes to a team again."""
        yield at, Ask("incident.reopen", self.key(), number, at)
        for name in ("incident.assign", "incident.resolve", "incident.feedback", "incident.close"):
            at += self.seconds(10, 400, number)
            yield at, Ask(name, self.key(), number, at)

    def _second_thought(self, number: int, stage: str, at: int, seq: int | None = None) -> Said:
        """Who told a stage sees soon after that the time was a little off."""
        to = at + self.random.choice((-300, -60, -20, -5, -1, 1, 5)) * SECOND * self.slowness[number]
        told = at + self.seconds(5, 200, number)
        return told, Ask("incident.correct", self.key(), number, seq=seq, more=(("stage", stage), ("to", to)))

    def answering(self, number: int, seq: int, team: str, at: int) -> Iterator[Said]:
        """What a team does with an offer: nothing, refuse it, or go."""
        random = self.random
        chance = random.random()
        if chance < 0.18:
            return
        at += self.seconds(1, 34, number)
        address = {"seq": seq} if random.random() < 0.7 else {"team": team}
        if chance < 0.28:
            yield at, Ask("assignment.refuse", self.key(), number, at, **address)
            return
        if random.random() < 0.06:
            taken_back = at + self.seconds(1, 400, number)
            yield taken_back, Ask("assignment.withdraw", self.key(), number, taken_back, **address)
        if random.random() < 0.04:
            yield at + SECOND, Ask("incident.hand_over", self.key(), number, at + SECOND)
        for stage, likely, least, most in (
            ("accept", 0.75, 1, 20), ("depart", 0.7, 5, 60), ("arrive", 0.93, 60, 380), ("clear", 0.85, 60, 600),
        ):  # fmt: skip
            if random.random() < likely:
                where = stage != "accept" and random.random() < 0.15
                more = (("place", random.choice(tuple(PLACES))),) if where else ()
                yield at, Ask(f"assignment.{stage}", self.key(), number, at, more=more, **address)
                if random.random() < 0.05:
                    yield self._second_thought(number, _STAGE_OF[stage], at, seq)
            at += self.seconds(least, most, number)

    def stray(self, number: int, since: int) -> Iterator[Said]:
        """Something out of the ordinary, right or wrong, at any time."""
        random = self.random
        at = since + self.seconds(0, 1500, number)
        if random.random() < 0.3:
            yield at, self._correction(number, at)
            return
        name = random.choices(_STRAY, _STRAY_WEIGHTS)[0]
        more: tuple[tuple[str, object], ...] = ()
        address: dict[str, object] = {}
        if name == "incident.merge":
            more = (("into", random.randrange(1, self.incidents + 1)),)
        elif name == "incident.push" and random.random() < 0.7:
            more = (("centre", random.choice(("community", "town", "county"))),)
        elif name == "incident.assign":
            address = {"team": self._team(0.6)}
        elif name.startswith("assignment."):
            address = {"seq": random.randrange(1, 4)} if random.random() < 0.6 else {"team": self._team(1.0)}
        yield at, Ask(name, self.key(), number, at, more=more, **address)

    def merging(self) -> Iterator[Said]:
        """People find that two calls are one incident, and now and then that they are not."""
        random = self.random
        for number in range(2, self.incidents + 1):
            at = self.seconds(30, 900, number)
            into = random.randrange(1, number)
            yield at, Ask("incident.merge", self.key(), number, at, more=(("into", into),))
            if random.random() < 0.45:
                at += self.seconds(1, 900, number)
                yield at, Ask("incident.unmerge", self.key(), number, at)
        if self.incidents > 2 and random.random() < 0.5:
            at = self.seconds(60, 1200, 1)
            yield at, Ask("incident.merge", self.key(), 1, at, more=(("into", 3),))

    def about_teams(self) -> Iterator[Said]:
        """Teams tell where they are, go off duty and come back, and new ones are set up."""
        random = self.random
        if random.random() < 0.65:
            return
        for _ in range(random.choices((1, 2, 4, 8), (40, 30, 20, 10))[0]):
            at, team = self.seconds(0, 1500, 1), random.choice(_TEAMS)
            name = random.choices(_ABOUT_TEAMS, (50, 32, 10, 8))[0]
            if name == "team.move":
                more: tuple[tuple[str, object], ...] = (("place", random.choice(tuple(PLACES))),)
            elif name == "team.change":
                what, value = random.choice(_CHANGES)
                more = (("what", what), ("value", value))
            elif name == "team.shifts":
                more = (("shifts", tuple(self._shift(at) for _ in range(random.randrange(3)))),)
            else:
                team, more = random.choice(("T5", "T5", "T2")), (("capacity", random.randrange(1, 3)),)
            yield at, Ask(name, self.key(), 0, at, team=team, more=more)

    def _shift(self, about: int) -> tuple[int, int]:
        start = about + self.random.randrange(-900, 900) * SECOND
        return start, start + self.random.randrange(1, 1800) * SECOND

    def _correction(self, number: int, at: int) -> Ask:
        random = self.random
        shift = random.choice((-300, -120, -60, -20, -1, 0, 1, 10, 60)) * SECOND * self.slowness[number]
        to = max(at - self.seconds(0, 600, number) + shift, -3600 * SECOND)
        if random.random() < 0.6:
            stage = random.choice(_TEAM_STAGES)
            return Ask("incident.correct", self.key(), number, None, seq=random.randrange(1, 3),
                       more=(("stage", stage), ("to", to)))  # fmt: skip
        more = (("stage", random.choice(_CORRECTABLE)), ("to", to))
        return Ask("incident.correct", self.key(), number, None, more=more)

    def _team(self, named: float) -> str | None:
        return self.random.choice(_TEAMS[:-1]) if self.random.random() < named else None
