"""What must hold after any faults, seen from the outside: journals, plain SQL and the public API, none of the code.

Each rule yields a sentence for every place where it does not hold; no sentence is no violation.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.chaos.clockwork import followed
from tests.chaos.journal import Journal
from tests.chaos.stack import ChaosStack

LEGAL = {
    None: {"received"},
    "received": {"received", "pushed", "cancelled"},
    "pushed": {"pushed", "assigned", "resolved", "cancelled"},
    "assigned": {"assigned", "en_route", "on_scene", "pushed", "resolved", "cancelled"},
    "en_route": {"en_route", "on_scene", "assigned", "pushed", "resolved", "cancelled"},
    "on_scene": {"on_scene", "resolved", "cancelled"},
    "resolved": {"resolved", "closed", "pushed"},
    "closed": {"closed", "archived", "pushed"},
    "cancelled": {"cancelled", "closed"},
    "merged": {"merged", "received", "pushed", "assigned", "en_route", "on_scene"},
}
"""State after a step, by state before it. Only an open incident may become `merged`."""
OPEN = frozenset({"received", "pushed", "assigned", "en_route", "on_scene"})
TELLS = {
    "incident.create": "received", "incident.push": "pushed", "incident.note": "note_added",
    "incident.cancel": "cancelled", "incident.assign": "assigned", "assignment.accept": "accepted",
    "assignment.depart": "departed", "assignment.arrive": "arrived", "assignment.clear": "cleared",
    "incident.resolve": "resolved", "incident.feedback": "fed_back", "incident.close": "closed",
    "assignment.refuse": "refused", "incident.reopen": "reopened", "incident.merge": "merged",
    "incident.unmerge": "unmerged",
}  # fmt: skip
"""Command to the fact it puts on the record, once."""
Found = Iterator[str]


@dataclass
class Evidence:
    """Everything the rules look at, read once after the quiet period."""

    journal: Journal
    incidents: list[dict[str, Any]]
    timeline: dict[str, list[dict[str, Any]]]
    breaches: list[dict[str, Any]]
    open_pairs: list[tuple[Any, ...]]
    dead: dict[str, set[str]]
    targets: dict[str, float]
    now: datetime


def gather(stack: ChaosStack, journal: Journal, targets: dict[str, float], dead: dict[str, set[str]]) -> Evidence:
    """Read the database by SQL of our own."""
    timeline: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows(
        stack, "incident_id::text AS incident_id, seq, type, occurred_at, recorded_at, body::jsonb AS body",
        "timeline ORDER BY incident_id, seq",
    ):  # fmt: skip
        timeline[row["incident_id"]].append(row)
    columns = (
        "incident_id::text AS incident_id, summary, state, version, received_at, pushed_at, first_assigned_at,"
        " first_on_scene_at, resolved_at, closed_at, policy_id, backfill"
    )
    pairs = stack.query(
        "dispatch", "SELECT incident_id::text, team_id::text, count(*) FROM assignment"
        " WHERE state IN ('assigned', 'accepted', 'en_route', 'on_scene') GROUP BY 1, 2 HAVING count(*) > 1",
    )  # fmt: skip
    now = stack.query("dispatch", "SELECT clock_timestamp()")[0][0]
    breaches = rows(stack, "incident_id::text AS incident_id, stage, generation, due_at, recorded_at, withdrawn_at",
                    "breach")  # fmt: skip
    return Evidence(journal, rows(stack, columns, "incident"), timeline, breaches, pairs, dead, targets, now)


def rows(stack: ChaosStack, columns: str, source: str) -> list[dict[str, Any]]:
    """Rows as objects."""
    found = stack.query("dispatch", f"SELECT row_to_json(x)::jsonb FROM (SELECT {columns} FROM {source}) x")
    return [{name: moment(name, value) for name, value in row.items()} for (row,) in found]


def moment(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if name.endswith("_at") and value is not None else value


def fact(row: dict[str, Any]) -> str:
    """`wangge.dispatch.incident.pushed.v1` is `pushed`."""
    return str(row["type"]).split(".")[-2]


def no_acknowledged_command_is_lost(found: Evidence) -> Found:
    """What was answered 2xx stands in the timeline, at the version that the answer named."""
    for answer in found.journal.of("answer"):
        if answer["outcome"] != "ok":
            continue
        entries = found.timeline.get(answer["incident_id"], [])
        wanted = TELLS[answer["command"]]
        if not any(fact(e) == wanted and e["seq"] <= answer["version"] for e in entries):
            yield f"{answer['command']} {answer['key']}: answered {answer['version']}, not in the timeline"


def a_key_has_one_effect(found: Evidence) -> Found:
    """No fact stands more often than commands that may have caused it; no summary belongs to two incidents."""
    asked: Counter[tuple[str, str]] = Counter()
    for answer in found.journal.of("answer"):
        if answer["outcome"] == "ok":
            asked[answer["incident_id"], TELLS[answer["command"]]] += 1
    unanswered = {a["key"] for a in found.journal.of("answer") if a["outcome"] == "unknown"}
    doubtful = {(i["incident"], TELLS[i["command"]]) for i in found.journal.of("invoke") if i["key"] in unanswered}
    for incident, effect in asked:
        if effect == "assigned" or (incident, effect) in doubtful:
            continue  # an assignment may also be told by the clock
        count = sum(fact(e) == effect for e in found.timeline.get(incident, []))
        if count != asked[incident, effect]:
            yield f"{incident}: {effect} {count} times for {asked[incident, effect]} keys"
    summaries = Counter(i["summary"] for i in found.incidents if i["summary"])
    yield from (f"{summary}: {count} incidents for one key" for summary, count in summaries.items() if count > 1)


def the_same_key_gives_the_same_answer(found: Evidence) -> Found:
    """Also after crashes."""
    first = {a["key"]: a for a in found.journal.of("answer")}
    for again in found.journal.of("again"):
        if again["outcome"] == "unknown":
            continue
        told = first[again["key"]]
        names = ("outcome", "incident_id", "version", "state", "assignment_id", "code")
        if any(told[name] != again[name] for name in names):
            yield f"{again['command']} {again['key']}: first {told}, then {again}"


def versions_rise_by_one_and_states_are_legal(found: Evidence) -> Found:
    """Steps are judged for one team at a time: of a replay's several, the second may be under way to where one is."""
    for incident in found.incidents:
        entries = found.timeline.get(incident["incident_id"], [])
        if [e["seq"] for e in entries] != list(range(1, incident["version"] + 1)):
            yield f"{incident['incident_id']}: version {incident['version']}, {len(entries)} entries"
        state: str | None = None
        for entry in entries:
            then = entry["body"]["data"]["state"]
            legal = then in LEGAL.get(state, set()) or (then == "merged" and state in OPEN)
            if not legal and not incident["backfill"]:
                yield f"{incident['incident_id']} #{entry['seq']}: {state} -> {then}"
            state = then
        if state != incident["state"]:
            yield f"{incident['incident_id']}: is {incident['state']}, last told {state}"


def every_event_was_told(found: Evidence) -> Found:
    """Each row of a timeline came over the stream and to the queue beside it, as one event with one id (not so what was
    told, rolled back and done again).
    """
    recorded = {(i, e["seq"]) for i, entries in found.timeline.items() for e in entries}
    for kind in ("event", "witness"):
        told = {(e["subject"], e["sequence"]) for e in found.journal.of(kind)}
        missing = recorded - told
        yield from (f"{kind}: {incident} #{seq} never came" for incident, seq in sorted(missing)[:20])
    known = set(found.timeline)
    ids: dict[tuple[str, int], str] = {}
    for event in found.journal.of("event"):
        told = (event["subject"], event["sequence"])
        if not event["type"].startswith("wangge.dispatch.incident."):
            continue
        if told not in recorded:
            yield f"event {event['id']}: told {told}, never recorded ({told[0] in known})"
        if (first := ids.setdefault(told, event["id"])) != event["id"]:
            yield f"event {event['id']}: told {told}, which {first} was"


def the_stream_is_in_order(found: Evidence) -> Found:
    """Offsets rise without a hole and an aggregate's events come first in their order, except where a gap was told.

    One missing offset is no event: RabbitMQ 3.10 takes one for itself at the head of a segment. A gap excuses the
    offsets that it names, and for each aggregate the first jump after it; none excuses going back, but a stream that
    was made anew.
    """
    last: int | None = None
    told_to, gaps = -1, 0
    newest: dict[str, int] = defaultdict(int)
    knew_of: dict[str, int] = defaultdict(int)
    for entry in found.journal.all():
        if entry["kind"] == "gap":
            gaps += 1
            told_to = entry["to"] if entry["to"] is not None else -1
            last = None if entry["reason"] == "stream_restarted" else last
        if entry["kind"] != "event":
            continue
        offset, subject, sequence = entry["offset"], entry["subject"], entry["sequence"]
        if last is not None and offset <= last:
            yield f"offset {offset} after {last}"
        if last is not None and offset > max(last, told_to) + 2:
            yield f"offset {offset} after {last}, a gap was told up to {told_to}"
        last = offset
        if not entry["type"].startswith("wangge.dispatch.incident."):
            continue
        if sequence > newest[subject] + 1 and knew_of[subject] == gaps:
            yield f"{subject}: #{sequence} came when #{newest[subject] + 1} was due"
        newest[subject], knew_of[subject] = max(newest[subject], sequence), gaps


def breached_if_and_only_if_late(found: Evidence) -> Found:
    """By the database's clock: a stage that ended after it was due, or has not ended and is due, has one breach.

    Not asked of incidents that were merged: whose team counts for whom is more than a timeline of one tells.
    """
    standing = Counter((b["incident_id"], b["stage"], b["generation"]) for b in found.breaches if not b["withdrawn_at"])
    for incident, entries in judged(found):
        for run in followed(entries).runs:
            due = run.began + timedelta(seconds=found.targets[run.stage])
            late = (run.ended or found.now) > due
            count = standing.pop((incident, run.stage, run.generation), 0)
            if count != int(late):
                yield f"{incident} {run.stage} {run.generation}: due {due}, ended {run.ended}, {count} breaches"
    known = {incident for incident, _ in judged(found)}
    yield from (f"{key}: a breach of a clock that never ran" for key in standing if key[0] in known)


def judged(found: Evidence) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Incidents under the run's own policy that no other was mixed with, and their timelines."""
    for incident in found.incidents:
        entries = found.timeline[incident["incident_id"]]
        ours = incident["policy_id"] == "chaos" and not incident["backfill"]
        if ours and not any(fact(e) in {"merged", "unmerged"} for e in entries):
            yield incident["incident_id"], entries


def one_team_at_a_time(found: Evidence) -> Found:
    """This load asks for one team and for another only when that one has refused: never are two on the way."""
    for incident, entries in judged(found):
        if (most := followed(entries).most_going) > 1:
            yield f"{incident}: {most} teams at once"


def a_breach_is_told_once(found: Evidence) -> Found:
    told = Counter(
        (i, e["body"]["data"]["stage"], e["body"]["data"]["generation"])
        for i, entries in found.timeline.items() for e in entries if fact(e) == "breached"
    )  # fmt: skip
    withdrawn = {(b["incident_id"], b["stage"], b["generation"]) for b in found.breaches if b["withdrawn_at"]}
    recorded = {(b["incident_id"], b["stage"], b["generation"]) for b in found.breaches}
    yield from (
        f"{key}: breached told {count} times" for key, count in told.items() if count > 1 and key not in withdrawn
    )
    yield from (f"{key}: recorded, not told" for key in recorded - set(told))
    yield from (f"{key}: told, not recorded" for key in set(told) - recorded)


def one_open_assignment_of_a_team(found: Evidence) -> Found:
    yield from (f"{incident}: team {team} {count} times" for incident, team, count in found.open_pairs)


def published_is_applied_or_dead(found: Evidence) -> Found:
    """Every message confirmed to us is answered, or in the dead queue of its consumer; nothing good is dead."""
    replies = {r["correlation"] for r in found.journal.of("reply")}
    summaries = {i["summary"] for i in found.incidents}
    for sent in found.journal.of("sent"):
        dead = sent["id"] in found.dead[sent["queue"]]
        if sent["sort"] == "undecodable":
            if not dead:
                yield f"{sent['queue']} {sent['id']}: undecodable, yet not dead"
            continue
        if dead:
            yield f"{sent['queue']} {sent['id']}: {sent['sort']}, yet dead"
        if sent["queue"] == "dispatch.commands" and sent["id"] not in replies:
            yield f"{sent['queue']} {sent['id']}: never answered"
        if sent["summary"] and sent["summary"] not in summaries:
            yield f"{sent['queue']} {sent['id']}: no incident {sent['summary']}"


def trouble_is_told_as_it_should_be(found: Evidence) -> Found:
    """What cannot be done now is answered 503 or 504 as a problem document with Retry-After, never by a stack trace."""
    told: Counter[str] = Counter()
    for trouble in found.journal.of("trouble"):
        proper = trouble["status"] in {503, 504} and trouble["retry_after"] and trouble["code"]
        if not proper or "Traceback" in trouble["body"]:
            told[f"{trouble['status']} retry-after {trouble['retry_after']} {trouble['body'][:300]}"] += 1
    yield from (f"{count} times {words}" for words, count in told.items())


def nobody_is_blamed_for_our_clock(found: Evidence) -> Found:
    """This load never says when something happened, so no answer may find fault with the time."""
    yield from (f"{a['command']} {a['key']}: {a['code']}" for a in found.journal.of("answer")
                if str(a["code"]).startswith("stamp_"))  # fmt: skip


RULES: tuple[Callable[[Evidence], Found], ...] = (
    no_acknowledged_command_is_lost, a_key_has_one_effect, the_same_key_gives_the_same_answer,
    versions_rise_by_one_and_states_are_legal, every_event_was_told, the_stream_is_in_order,
    breached_if_and_only_if_late, a_breach_is_told_once, one_open_assignment_of_a_team, one_team_at_a_time,
    published_is_applied_or_dead, trouble_is_told_as_it_should_be, nobody_is_blamed_for_our_clock,
)  # fmt: skip


def violations(found: Evidence) -> list[str]:
    """Every rule's findings, each with the rule's name."""
    return [f"{rule.__name__}: {sentence}" for rule in RULES for sentence in rule(found)]
