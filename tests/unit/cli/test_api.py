"""A question is asked again when its connection was cut, and only then."""

import httpx
import pytest

from cli.api import ApiError, get


def client(*answers):
    """A client whose requests are met with these, one after another."""
    left = iter(answers)

    def answer(_request):
        given = next(left)
        if isinstance(given, Exception):
            raise given
        return given

    return httpx.Client(base_url="http://gateway.test", transport=httpx.MockTransport(answer))


def test_a_question_whose_connection_was_cut_is_asked_again():
    cut = httpx.RemoteProtocolError("Server disconnected without sending a response.")
    assert get(client(cut, httpx.ReadError("reset"), httpx.Response(200, json={"ok": True})), "/v1/teams") == {
        "ok": True
    }


def test_one_that_is_cut_each_time_or_refused_is_told():
    cut = httpx.ReadError("reset")
    with pytest.raises(ApiError, match="reset"):
        get(client(cut, cut, cut), "/v1/teams")
    with pytest.raises(ApiError, match="403"):
        get(client(httpx.Response(403)), "/v1/teams")
    with pytest.raises(ApiError, match="refused"):
        get(client(httpx.ConnectError("refused")), "/v1/teams")
