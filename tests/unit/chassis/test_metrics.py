import re

from prometheus_client import REGISTRY, generate_latest

from chassis import metrics

# A gauge that counts things names the things.
COUNTED = ("_messages", "_readers", "_in_flight", "_catching_up", "_calls", "_keys", "_incidents")
UNITS = ("_seconds", "_bytes", "_total", "_ratio", "_connected", "_armed", "_rank", "_offset", *COUNTED)


def ours():
    return [family for family in REGISTRY.collect() if family.name.startswith("wangge_")]


def test_every_metric_says_what_it_is_and_in_which_unit():
    constants = [value for name, value in vars(metrics).items() if name.isupper() and not name.startswith("_")]
    assert len(constants) > 20
    for family in ours():
        assert len(family.documentation) > 15
        name = family.name + ("_total" if family.type == "counter" else "")
        assert name.endswith(UNITS), name


def test_labels_cannot_hold_a_person_or_an_id():
    allowed = {
        "exchange",
        "reason",
        "handler",
        "outcome",
        "method",
        "sqlstate",
        "kind",
        "said_by",
        "permission",
        "rule",
        "table",
    }
    for value in vars(metrics).values():
        assert set(getattr(value, "_labelnames", ())) <= allowed


def test_the_catalogue_is_served_as_text():
    text = generate_latest().decode()
    assert re.search(r"^# TYPE wangge_deadline_lateness_seconds histogram$", text, re.MULTILINE)


def test_lateness_is_fine_around_the_promise_of_100_ms():
    bounds = metrics.DEADLINE_LATENESS._upper_bounds
    assert 0.1 in bounds
    assert sum(bound <= 0.1 for bound in bounds) >= 8
