import json
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import logs
from chassis.logs import REDACTED, redact, scrub

ROOT = Path(__file__).parents[3]
# Numbers of ranges that are given to nobody (170-0000, RFC-like 555), and an ID number of the reserved division 999999.
PHONES = ["17000000001", "+86 170 0000 0001", "8617000000001", "170-0000-0001", "0571-55550100", "+1 202 555 0100"]
ID_NUMBERS = ["99999919900101001X", "999999900101001"]

PROGRAM = """
import logging, structlog
from chassis import logs
logs.configure("dispatch", "info", "test")
log = logs.get_logger(queue="dispatch.events")
logs.bind(incident="0197-1")
log.info("caller 17000000001 rang", caller={"phone": "17000000001", "age": 40}, number=17000000001)
log.info("nested", rows=[{"contact": "17000000001", "said": "ring 170 0000 0001"}], body=b"17000000001")
log.debug("not shown")
logging.getLogger("pika").warning("closed %s for %s", "amqp://u:opensesame@h/", "17000000001", extra={"phone": "1"})
logs.unbind("incident")
try:
    raise KeyError("17000000001")
except KeyError:
    log.exception("broke")
    logging.getLogger("kombu").exception("broke too")
logging.getLogger("x").error("odd %s %s", "Somebody")
"""


@pytest.fixture(scope="module")
def lines():
    run = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == ""
    return run.stderr


def test_no_phone_number_and_no_password_passes(lines):
    assert "17000000001" not in lines
    assert "170 0000 0001" not in lines
    assert "opensesame" not in lines


def test_every_line_is_json_with_the_agreed_keys(lines):
    parsed = [json.loads(line) for line in lines.splitlines()]
    assert len(parsed) == 6
    broken = parsed.pop()
    assert broken == {"level": "error", "event": "a log line could not be written", "at": "x"}
    for line in parsed:
        assert {"ts", "level", "event", "service", "instance"} <= set(line)
        assert (line["service"], line["instance"]) == ("dispatch", "test")
        assert line["ts"].endswith("Z")


def test_bound_ids_are_on_each_line_until_unbound(lines):
    by_event = {line["event"]: line for line in map(json.loads, lines.splitlines()) if "event" in line}
    assert by_event["nested"]["incident"] == "0197-1"
    assert by_event["nested"]["queue"] == "dispatch.events"
    assert "incident" not in by_event["broke"]
    assert "KeyError" in by_event["broke"]["exception"]
    assert "KeyError" in by_event["broke too"]["exception"]


def test_lines_below_the_level_are_not_written(lines):
    assert "not shown" not in lines


@pytest.mark.parametrize("number", PHONES + ID_NUMBERS)
def test_numbers_of_persons_are_blanked_wherever_they_stand(number):
    for text in (number, f"ring {number}.", f"电话{number}，", f'{{"x":"{number}"}}'):
        assert number not in scrub(text)
        assert REDACTED in scrub(text)


@given(st.sampled_from(PHONES), st.text(alphabet="abc 电话:,", max_size=5), st.integers(0, 3))
def test_no_phone_passes_at_any_depth(phone, around, depth):
    value: object = f"{around} {phone} {around}"
    for _ in range(depth):
        value = {"x": [value, (value,)]}
    assert phone not in str(redact(value))


@pytest.mark.parametrize(
    "key", ["phone", "name", "id_number", "contact", "address", "summary", "caller_phone", "token"]
)
def test_keys_that_hold_personal_data_are_blanked_whatever_they_hold(key):
    assert redact({key: "anything", key.upper(): {"deep": 1}}) == {key: REDACTED, key.upper(): REDACTED}


def test_what_an_operator_needs_stays():
    kept = {
        "incident": UUID("01977777-7777-7777-8777-123456789012"),
        "queue_name": "dispatch.grid-tree",
        "seconds": 1.25,
        "rows": 500,
        "offset": 1767322800123,
        "at": "2026-01-02T03:04:05.678901Z",
        "text_of": "01977777-7777-7777-8777-123456789012 took 12345678 ns",
    }
    assert redact(kept) == kept


def test_row_values_that_the_database_quotes_are_blanked():
    quoted = 'duplicate key\nDETAIL:  Key (name)=(Somebody) already exists.\nCONTEXT:  COPY x: "Somebody"'
    assert "Somebody" not in scrub(quoted)


def test_the_root_logger_is_left_alone_until_configured():
    imported = "import logging; from chassis import logs; print(logging.getLogger().handlers)"
    run = subprocess.run([sys.executable, "-c", imported], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


PIECES = [
    *PHONES,
    *ID_NUMBERS,
    "+1      2",
    "\nDETAIL: x",
    "LINE 1: y",
    "CONTEXT:",
    "[parameters:",
    "a://b:c@d",
    " ",
    "-",
    "1",
    "09",
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=8).map("".join))
def test_what_is_passed_over_quickly_is_what_there_is_nothing_to_blank_in(text):
    rules = ((logs._URL_PASSWORD, r"\1:***@"), (logs._ROW_VALUES, REDACTED), (logs._NUMBERS, REDACTED))
    whole = text
    for rule, instead in rules:
        whole = rule.sub(instead, whole)
    assert scrub(text) == whole
