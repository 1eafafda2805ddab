"""Figures and the live board: the 115 report, breaches, policies, centres, and what the stream says between events."""

from contracts.dispatch import parts
from contracts.dispatch.queries import Breach, Incident
from contracts.fields import Anything, Choice, Flag, Many, Measure, Message, Part, Text, Whole
from contracts.registry import codes as registry_codes

GROUPINGS = ("total", "community", "town", "grid", "category", "priority", "centre", "team", "hour")
EXERCISE_FILTERS = ("exclude", "include", "only")


class Interval(Message):
    """One interval: how many, how many in time, and the percentiles (continuous, as percentile_cont, 3 decimals)."""

    count = Whole("Incidents with both ends", least=0, example=1800)
    within = Whole("Of these, within the target of their own policy version", least=0, example=1500)
    compliance = Measure(
        "within / count; null when count is 0", least=0, most=1, example=0.833, allow_none=True, optional=True
    )
    target_seconds = Measure(
        "Target, when one only", least=0, most=1e9, unit="s", example=60, allow_none=True, optional=True
    )
    p50 = Measure("Median", least=-1e9, most=1e9, unit="s", example=58, allow_none=True)
    p90 = Measure("90th percentile", least=-1e9, most=1e9, unit="s", example=134, allow_none=True)
    p95 = Measure("95th percentile", least=-1e9, most=1e9, unit="s", example=180, allow_none=True, optional=True)
    p99 = Measure("99th percentile", least=-1e9, most=1e9, unit="s", example=400, allow_none=True)


class ReportGroup(Message):
    """The figures of one group. 115's names and NFPA's side by side."""

    key = Text("Which group: a code, a category, an hour; total", most=64, example="total")
    label_zh = Text("Its name in Chinese", most=64, example="合计", optional=True, allow_none=True)
    label_en = Text("Its name in English", most=128, example="Total", optional=True, allow_none=True)
    incidents = Whole("Incidents", least=0, example=1800)
    states = Anything("State to number of incidents", example={"closed": 1796, "on_scene": 4}, optional=True)
    push = Part(Interval, "Received to pushed")
    assign = Part(Interval, "Pushed to first assigned")
    arrive = Part(Interval, "First assigned to first on scene")
    total = Part(Interval, "Received to first on scene")
    alarm_handling = Part(Interval, "NFPA: received to first assigned", optional=True)
    turnout = Part(Interval, "NFPA: assigned to departed, per assignment", optional=True)
    travel = Part(Interval, "NFPA: departed to arrived, per assignment", optional=True)
    total_response = Part(Interval, "NFPA: received to first on scene", optional=True)


class SlaReport(Message):
    """The answer of sla_report."""

    by = Choice("Grouping", GROUPINGS, example="total")
    since = parts.moment("From, inclusive", allow_none=True, optional=True)
    until = parts.moment("To, exclusive", allow_none=True, optional=True)
    prefix = Text("Jurisdiction prefix", most=17, least=0, example="999999", optional=True)
    exercise = Choice("Are drills counted", EXERCISE_FILTERS, example="exclude")
    groups = Many(Part(ReportGroup, "A group"), "Groups, by key", most=100_000)


class Breaches(Message):
    """The answer of sla_breaches."""

    breaches = Many(Part(Breach, "A breach"), "Newest first", most=1000)
    next_cursor = Text("Where the next page starts; null on the last", most=200, example="MDE5MGEwYzI", allow_none=True)


class DeskCentre(Message):
    """A centre as dispatch knows it."""

    code = parts.centre_code()
    name_zh = Text("Name in Chinese", most=64, example="演示街道社会治理中心")
    name_en = Text("Name in English", most=128, example="Demo street centre", allow_none=True, optional=True)
    kind = Choice("Kind of centre", registry_codes.CENTRE_KINDS, example="street_centre")
    grid_code = parts.grid_code()
    lat = parts.latitude(allow_none=True, optional=True)
    lon = parts.longitude(allow_none=True, optional=True)
    on_shift = Flag("True when somebody is on shift now", example=True, optional=True)
    open_incidents = Whole("Open incidents on its desk", least=0, example=3, optional=True)


class DeskCentres(Message):
    """The answer of list_centres."""

    centres = Many(Part(DeskCentre, "A centre"), "By code", most=10_000)


class Policy(Message):
    """One version of an SLA policy."""

    policy = Text("Its name", most=64, example="115")
    version = Whole("Its version", least=1, example=1)
    valid_from = parts.moment("In force from")
    content = Anything(
        "Targets, warn shares and stamp rules", example={"targets": {"push": 60}}, attribute="rules", data_key="rules"
    )


class Policies(Message):
    """The answer of get_policies."""

    policies = Many(Part(Policy, "A policy"), "By name and version", most=1000)


class Board(Message):
    """The answer of board: what is open now and how the day stands."""

    now = parts.moment("The database's clock")
    open_incidents = Many(Part(Incident, "An open incident"), "Most urgent clock first", most=1000)
    figures = Part(ReportGroup, "The 115 figures so far")
    counts = Anything("State to number of incidents", example={"pushed": 3})


class Heartbeat(Message):
    """Each second on the live stream, so that silence means trouble."""

    newest_offset = Whole("Offset of the newest event", least=-1, most=2**63 - 1, example=1041)
    behind = Whole("Events the reader has not had yet", least=0, most=2**63 - 1, example=0)
    at = parts.moment("When it was sent")


class Gap(Message):
    """Events between these offsets are past retention and cannot be had any more."""

    from_offset = Whole("First offset missed", least=0, most=2**63 - 1, example=10)
    to_offset = Whole("Last offset missed", least=0, most=2**63 - 1, example=99)
