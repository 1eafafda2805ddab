"""Any order of commands and deadlines keeps the incident's promises; hypothesis looks for one that does not."""

from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.dispatch.domain import closing, correcting, desk, fieldwork, merging
from services.dispatch.domain.errors import Refusal
from services.dispatch.domain.firing import fire
from services.dispatch.domain.stamps import Report
from services.dispatch.domain.states import AT_WORK, OPEN_ASSIGNMENT, IncidentState
from tests.unit.dispatch.builders import COUNTY, LENIENT, P115, ROUTE, TOWN, ladder, received, send, t

UP = ladder(TOWN, "between", COUNTY)
ago = st.sampled_from([0, 0, 0, 1, 20, 90, 400])
ahead = st.sampled_from([1, 5, 25, 60, 300])
DERIVED = {"assigned": "assigned", "accepted": "assigned", "en_route": "en_route", "on_scene": "on_scene"}
FAR = ["pushed", "assigned", "en_route", "on_scene"]


class IncidentMachine(RuleBasedStateMachine):
    """One incident and one other to merge with; time only goes forward, reports lag behind it."""

    @initialize(policy=st.sampled_from([P115, LENIENT]))
    def begin(self, policy):
        self.now = 0.0
        self.incident = received(policy=policy, number=1)
        self.other = received(policy=policy, number=2)
        self.versions = {1: 0, 2: 0}
        self.told = {1: [], 2: []}
        self.deadlines = {1: {}, 2: {}}

    def attempt(self, act):
        before = (self.incident.version, self.incident.state, len(self.incident.events))
        try:
            act()
        except Refusal:
            assert before == (self.incident.version, self.incident.state, len(self.incident.events))

    def report(self, late=0):
        return Report(t(self.now - late), t(self.now), "desk", "test")

    def pick(self, index):
        assignments = self.incident.assignments
        return assignments[index % len(assignments)]

    @rule(seconds=ahead)
    def wait(self, seconds):
        self.now += seconds
        self.collect()
        for number, incident in ((1, self.incident), (2, self.other)):
            due = sorted((at, key) for key, at in self.deadlines[number].items() if at <= t(self.now))
            for at, (kind, generation) in due:
                if self.deadlines[number].get((kind, generation)) == at:
                    del self.deadlines[number][(kind, generation)]
                    fire(incident, kind, generation, at, t(self.now), UP)
                    self.collect()

    @rule(late=ago)
    def push(self, late):
        self.attempt(lambda: desk.push(self.incident, ROUTE, self.report(late)))

    @rule(late=ago, team=st.integers(1, 4))
    def assign(self, late, team):
        self.attempt(lambda: send(self.incident, self.now - late, team, self.now))

    @precondition(lambda self: self.incident.assignments)
    @rule(late=ago, index=st.integers(0, 9), stage=st.sampled_from(["accept", "depart", "arrive", "clear"]))
    def tell(self, late, index, stage):
        since = self.incident.version
        self.attempt(lambda: getattr(fieldwork, stage)(self.incident, self.pick(index), self.report(late)))
        self.mirrored(since)

    @precondition(lambda self: self.incident.assignments)
    @rule(index=st.integers(0, 9), ending=st.sampled_from(["refuse", "withdraw"]))
    def end(self, index, ending):
        since = self.incident.version
        self.attempt(lambda: getattr(fieldwork, ending)(self.incident, self.pick(index), self.report(), "why"))
        self.mirrored(since)

    @rule(
        late=ago, step=st.sampled_from(["resolve", "feed_back", "close", "cancel", "reopen", "archive", "acknowledge"])
    )
    def at_the_desk(self, late, step):
        acts = {
            "resolve": lambda: desk.resolve(self.incident, self.report(late), "settled"),
            "feed_back": lambda: desk.feed_back(self.incident, self.report(late), "18"),
            "acknowledge": lambda: desk.acknowledge(self.incident, self.report(late)),
            "close": lambda: closing.close(self.incident, self.report(late)),
            "cancel": lambda: closing.cancel(self.incident, self.report(late), "why"),
            "reopen": lambda: closing.reopen(self.incident, self.report(late), "why"),
            "archive": lambda: self.now > 2000 and closing.archive(self.incident, self.report(late)),
        }
        self.attempt(acts[step])

    @rule()
    def merge(self):
        if self.other.state is not IncidentState.MERGED:
            self.attempt(lambda: merging.merge(self.incident, self.other, self.other, [], self.report()))

    @rule()
    def unmerge(self):
        self.attempt(lambda: merging.unmerge(self.incident, self.other, [self.incident], self.report()))

    @rule(
        stage=st.sampled_from(["received", "pushed", "assigned", "arrived"]),
        shift=st.integers(-120, 60),
        index=st.integers(0, 9),
    )
    def correct(self, stage, shift, index):
        assignment = None
        if stage in {"assigned", "arrived"}:
            if not self.incident.assignments:
                return
            assignment = self.pick(index)
        told = assignment.at(stage) if assignment else self.incident.at(stage)
        if told is not None:
            moved = told + (t(shift) - t(0))
            self.attempt(lambda: correcting.correct(self.incident, stage, assignment, moved, "why", self.report()))

    def mirrored(self, since):
        if self.incident.merge is not None and self.incident.version > since:
            merging.mirror(self.incident, self.other, self.report(), since)

    def collect(self):
        for number, incident in ((1, self.incident), (2, self.other)):
            for change in incident.deadlines.collect():
                if change.due_at is None:
                    self.deadlines[number].pop((change.kind, change.generation), None)
                else:
                    self.deadlines[number][(change.kind, change.generation)] = change.due_at
            self.told[number] += incident.events
            incident.events.clear()

    def both(self):
        self.collect()
        return ((1, self.incident), (2, self.other))

    @invariant()
    def versions_grow_by_one_per_event(self):
        for number, incident in self.both():
            assert [event.version for event in self.told[number]] == list(range(1, incident.version + 1))

    @invariant()
    def a_team_has_at_most_one_open_assignment(self):
        for _, incident in self.both():
            going = [a.team_id for a in incident.assignments if a.state in OPEN_ASSIGNMENT]
            assert len(going) == len(set(going))

    @invariant()
    def the_state_follows_from_the_teams(self):
        for _, incident in self.both():
            if incident.state not in AT_WORK:
                continue
            here = [a for a in incident.assignments if a.cycle == incident.cycle]
            reach = [DERIVED[a.state] for a in here if a.state in DERIVED]
            if not reach:
                cleared = [a for a in here if a.state == "cleared"]
                reach = [
                    "on_scene" if "arrived" in a.stamps else "en_route" if "departed" in a.stamps else "assigned"
                    for a in cleared
                ]
            reach += [
                absorbed.reach.value for absorbed in incident.absorbed.values() if absorbed.cycle == incident.cycle
            ]
            assert incident.state == max(reach, key=FAR.index, default="pushed")

    @invariant()
    def a_breach_stands_exactly_where_a_stage_was_late(self):
        for number, incident in self.both():
            for clock in incident.clockwork.clocks:
                if clock.ended_at is not None:
                    assert clock.breached == (clock.ended_at > clock.due_at), clock
                elif clock.breached:
                    assert clock.due_at <= t(self.now)
                else:
                    assert (
                        clock.due_at > t(self.now)
                        or ("breach." + clock.stage, clock.generation) in self.deadlines[number]
                    )

    @invariant()
    def a_breach_is_told_once_until_it_is_withdrawn(self):
        for number, incident in self.both():
            standing = set()
            for event in self.told[number]:
                key = (event.data.get("stage"), event.data.get("generation"))
                if event.type == "breached":
                    assert key not in standing
                    standing.add(key)
                elif event.type == "breach_withdrawn":
                    assert key in standing
                    standing.remove(key)
            assert standing == {
                (clock.stage, clock.generation) for clock in incident.clockwork.clocks if clock.breached
            }

    @invariant()
    def only_a_running_clock_of_an_open_incident_is_armed(self):
        for number, incident in self.both():
            for kind, generation in self.deadlines[number]:
                step, _, stage = kind.partition(".")
                if step == "answer":
                    assert any(a.answer_kind == kind and a.state == "assigned" for a in incident.assignments)
                else:
                    assert incident.clockwork.find(stage, generation).ended_at is None

    @invariant()
    def a_merged_or_ended_incident_has_no_running_clock(self):
        for _, incident in self.both():
            if incident.state not in (*AT_WORK, IncidentState.RECEIVED):
                assert all(clock.state != "running" for clock in incident.clockwork.clocks)

    @invariant()
    def a_stage_before_the_one_that_precedes_it_is_flagged(self):
        order = ("assigned", "departed", "arrived", "cleared")
        for assignment in self.incident.assignments:
            told = [(stage, assignment.stamps[stage]) for stage in order if stage in assignment.stamps]
            for (_, earlier), (_, later) in pairwise(told):
                if later.effective < earlier.effective:
                    odd = {"before_previous", "after_next", "corrected"}
                    assert odd & {*later.flags, *earlier.flags}

    @invariant()
    def generations_of_a_stage_count_from_one(self):
        for _, incident in self.both():
            for stage in ("push", "assign", "arrive"):
                assert [clock.generation for clock in incident.clockwork.of(stage)] == list(
                    range(1, len(incident.clockwork.of(stage)) + 1)
                )


IncidentMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestIncidentMachine = IncidentMachine.TestCase
