from dataclasses import dataclass
from typing import Any

import pytest

from chassis import errors

ALL = [
    errors.InvalidInput,
    errors.MalformedRequest,
    errors.Unauthorised,
    errors.Forbidden,
    errors.NotFound,
    errors.Conflict,
    errors.PreconditionFailed,
    errors.PayloadTooLarge,
    errors.IdempotencyKeyReused,
    errors.Unavailable,
    errors.DeadlineExceeded,
    errors.Internal,
]


@dataclass
class Refusal(Exception):
    code: str
    kind: str
    detail: str
    field: str | None
    rule: str | None
    extra: dict[str, Any]


@pytest.mark.parametrize("error_class", ALL)
def test_an_error_survives_the_border(error_class):
    sent = error_class("words", field="location.grid_code", rule="115", limit=3)
    got = errors.ServiceError.from_problem(sent.to_problem())
    assert type(got) is error_class
    assert got.to_problem() == sent.to_problem()


def test_a_problem_has_the_members_of_rfc_9457_and_ours():
    assert errors.InvalidInput("no such grid", code="unknown_grid", field="location.grid_code").to_problem() == {
        "type": "urn:wangge:problem:unknown_grid",
        "title": "输入有误 · Invalid input",
        "status": 422,
        "detail": "no such grid",
        "code": "unknown_grid",
        "retryable": False,
        "field": "location.grid_code",
    }


def test_extra_members_cannot_disguise_the_error():
    problem = errors.Conflict("words", status=200, title="fine").to_problem()
    assert (problem["status"], problem["title"]) == (409, errors.Conflict.title)


def test_an_own_code_comes_back_as_the_class_of_its_status():
    sent = errors.NotFound("", code="unknown_team").to_problem()
    got = errors.ServiceError.from_problem(sent)
    assert type(got) is errors.NotFound
    assert got.code == "unknown_team"


@pytest.mark.parametrize("status", [418, 599])
def test_a_status_nobody_here_knows_is_kept(status):
    got = errors.ServiceError.from_problem({"status": status, "code": "strange", "retryable": True, "more": 1})
    assert (got.status, got.code, got.retryable, got.extra) == (status, "strange", True, {"more": 1})


@pytest.mark.parametrize(
    ("kind", "status"), [("invalid", 422), ("not_found", 404), ("conflict", 409), ("forbidden", 403), ("other", 409)]
)
def test_a_refusal_is_mapped_by_its_kind(kind, status):
    error = errors.from_refusal(Refusal("stamp_in_future", kind, "words", "occurred_at", "115", {"tolerance": 5}))
    problem = error.to_problem()
    assert (problem["status"], problem["code"], problem["field"]) == (status, "stamp_in_future", "occurred_at")
    assert (problem["rule"], problem["tolerance"], problem["retryable"]) == ("115", 5, False)


def test_only_what_may_help_is_retryable():
    assert [error_class for error_class in ALL if error_class.retryable] == [
        errors.Unavailable,
        errors.DeadlineExceeded,
    ]


def test_codes_are_distinct():
    assert len({error_class.code for error_class in ALL}) == len(ALL)
