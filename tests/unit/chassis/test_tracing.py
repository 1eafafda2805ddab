import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import tracing
from chassis.tracing import current_traceparent, span

ROOT = Path(__file__).parents[3]
PARENT = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"

CONFIGURED = f"""
from chassis import logs, tracing
logs.configure("dispatch")
tracing.configure("dispatch")
with tracing.span("handle", "consumer", parent="{PARENT}", links=["{PARENT}", None, "junk"]) as opened:
    print(tracing.current_traceparent(), len(getattr(opened, "links", ())))
    with tracing.span("inner"):
        print(tracing.current_traceparent())
print(tracing.current_traceparent())
"""


@pytest.fixture(autouse=True, scope="module")
def unconfigured():
    """As if nothing had been configured in this process, whatever other tests have done."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracing, "_process", tracing._Process())
        yield


WITHOUT_EXPORTER = 'import sys\nsys.modules["opentelemetry.exporter.otlp.proto.http.trace_exporter"] = None\n'


def run(environment, before=""):
    command = [sys.executable, "-c", before + CONFIGURED]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)


def test_a_span_continues_its_parents_trace_with_an_id_of_its_own():
    first, inner, outside = run({}).stdout.splitlines()
    traceparent, links = first.split()
    assert re.fullmatch(r"00-(ab){16}-[0-9a-f]{16}-01", traceparent)
    assert traceparent != PARENT
    assert links == "0"
    assert inner[:36] == traceparent[:36]
    assert inner != traceparent
    assert outside == "None"


def test_a_missing_exporter_is_said_and_not_died_of():
    done = run({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, WITHOUT_EXPORTER)
    assert len(done.stdout.splitlines()) == 3
    assert "is not installed" in done.stderr


def test_outside_any_span_there_is_no_traceparent():
    assert current_traceparent() is None


def test_without_configuration_the_parents_trace_still_passes_through():
    with span("handle", parent=PARENT):
        assert current_traceparent() == PARENT


@given(st.one_of(st.text(max_size=60), st.just("00-" + "0" * 32 + "-" + "0" * 16 + "-01"), st.just("ff" + PARENT[2:])))
def test_an_unreadable_parent_is_as_good_as_none(text):
    with span("handle", parent=text, links=[text]):
        assert current_traceparent() is None
