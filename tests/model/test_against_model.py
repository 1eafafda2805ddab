"""Hypothesis looks for an order of commands, faults and deadlines in which product and model part."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.model.alongside import Alongside
from tests.model.county_model import COMMANDS, POLICIES, Ask
from tests.model.lifecycle import KILLS
from tests.model.promises import hold_promises
from tests.model.team_model import PLACES

SECOND = 1000
numbers = st.integers(1, 3)
ago = st.sampled_from([0, 0, 0, 1, 20, 59, 60, 61, 300, 3600, -3, -6])
teams = st.sampled_from(["T1", "T2", "T3", "T4", "P1", "P2", "B1"])
seqs = st.one_of(st.none(), st.integers(1, 3))
faults = st.sampled_from([None, None, None, *KILLS])
at_the_desk = st.sampled_from([
    name for name in COMMANDS
    if name.startswith("incident.") and name.rpartition(".")[2] not in {"create", "assign", "merge", "correct", "push"}
])  # fmt: skip
by_teams = st.sampled_from([name for name in COMMANDS if name.startswith("assignment.")])


class SideBySide(RuleBasedStateMachine):
    """Up to three incidents and seven teams; every answer and all that shows is compared after every step."""

    @initialize(matter=st.sampled_from(sorted(POLICIES)), located=st.booleans())
    def begin(self, matter, located):
        self.both, self.now, self.matter = Alongside(), 0, matter
        self.asked = []
        self.create(number=1, late=0, push=True, exercise=False, located=located)

    def ask(self, name, number, late=None, fault=None, **said):
        at = None if late is None else self.now - late * SECOND
        ask = Ask(name, f"k{len(self.asked)}", number, at, **said)
        self.asked.append(ask)
        if not self.both.ask([ask], self.now, fault):
            self.both.ask([ask], self.now)
        self.both.offered.clear()

    @rule(number=numbers, late=ago, push=st.booleans(), exercise=st.booleans(), located=st.booleans())
    def create(self, number, late, push, exercise, located):
        source, category = self.matter
        more = {"source": source, "category": category, "push": push, "exercise": exercise, "located": located}
        self.ask("incident.create", number, late, more=tuple(more.items()))

    @rule(name=at_the_desk, number=numbers, late=ago, fault=faults)
    def at_the_desk(self, name, number, late, fault):
        self.ask(name, number, late, fault)

    @rule(number=numbers, late=ago, centre=st.sampled_from([None, "community", "town", "county"]))
    def push(self, number, late, centre):
        self.ask("incident.push", number, late, more=(("centre", centre),) if centre else ())

    @rule(number=numbers, late=ago, team=st.one_of(st.none(), teams), fault=faults)
    def assign(self, number, late, team, fault):
        self.ask("incident.assign", number, late, fault, team=team)

    @rule(name=by_teams, number=numbers, late=ago, seq=seqs, team=teams, fault=faults)
    def report(self, name, number, late, seq, team, fault):
        self.ask(name, number, late, fault, **({"team": team} if seq is None else {"seq": seq}))

    @rule(number=numbers, into=numbers)
    def merge(self, number, into):
        self.ask("incident.merge", number, 0, more=(("into", into),))

    @rule(number=numbers, seq=seqs, late=ago,
          stage=st.sampled_from(["received", "pushed", "resolved", "assigned", "arrived"]))  # fmt: skip
    def correct(self, number, seq, late, stage):
        seq = seq if stage in {"assigned", "arrived"} else None
        self.ask("incident.correct", number, seq=seq, more=(("stage", stage), ("to", self.now - late * SECOND)))

    @rule(team=teams, what=st.sampled_from([("in_service", False), ("in_service", True), ("manned", False)]))
    def change_team(self, team, what):
        self.ask("team.change", 0, 0, team=team, more=(("what", what[0]), ("value", what[1])))

    @rule(team=teams, late=ago, place=st.sampled_from(sorted(PLACES)))
    def move_team(self, team, late, place):
        self.ask("team.move", 0, late, team=team, more=(("place", place),))

    @precondition(lambda self: len(self.asked) > 1)
    @rule(data=st.data())
    def say_it_again(self, data):
        self.both.ask([data.draw(st.sampled_from(self.asked))], self.now)

    @rule(seconds=st.sampled_from([1, 5, 30, 48, 60, 300, 4000]), fault=faults, twice=st.booleans())
    def wait(self, seconds, fault, twice):
        self.now += seconds * SECOND
        rows = self.both.due(self.now)
        if not rows:
            return
        if not self.both.fire(rows, self.now, fault) or twice:
            self.both.fire(rows, self.now)
        self.both.offered.clear()

    @invariant()
    def the_chain_holds(self):
        self.both.check_chains()

    def teardown(self):
        """Let every clock run out; what must hold at the end holds."""
        while (due := self.both.next_due()) is not None:
            self.now = max(self.now, due)
            self.both.fire(self.both.due(self.now), self.now)
        self.both.compare_all(self.now)
        hold_promises(self.both, self.now)


SideBySide.TestCase.settings = settings(
    max_examples=60, stateful_step_count=35, deadline=None, suppress_health_check=list(HealthCheck)
)
TestSideBySide = SideBySide.TestCase
