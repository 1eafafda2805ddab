"""The two long-lived routes: commands streamed in, events streamed out."""

from __future__ import annotations

from starlette.types import ASGIApp

from contracts.dispatch.results import CommandAnswer
from contracts.envelope import EnvelopeSchema
from gateway.journal.keeper import Keeper
from gateway.routes import params
from gateway.routes.body import require_type
from gateway.routes.calling import caller_of
from gateway.routes.edge import REQUEST_ID
from gateway.routes.params import read_query
from gateway.routes.table import Call, Route
from gateway.streams.feed import CONTENT_TYPES, FeedLimits, FeedResponse
from gateway.streams.filters import TYPE_PATTERN
from gateway.streams.marks import AFTER
from gateway.streams.sse import open_stream

FEED_ABOUT = (
    "One command envelope a line, each with its own `key`; one answer a line, in the same order, with `line`; at "
    'the end `{"summary": …}`. A line that cannot be read or is refused gets its problem and the others go on. '
    "Read the answers while sending or after it: unread ones wait on the gateway's disk up to a limit (about a "
    "million), past which it stops reading. While dispatch is away lines are tried again with the same keys; "
    "after the patience a line that takes an incident in is kept and answered with status 202 and a `tracking_id`; "
    "others are answered `unavailable`, and so is every later one, for order holds. Lines of up to 64 KiB."
)
STREAM_ABOUT = (
    "`id` is where a reader resumes, `event` the CloudEvents type, `data` the CloudEvents JSON. Who may see the whole "
    "county is given offsets; who may see a part gets its own events only, with ids `count.sealed`: the count goes up "
    "by one each event, the rest says nothing to anybody. Heartbeats then say {count, behind}, where behind is 0 or "
    "null, and a gap says neither from nor to. Resume with the "
    "header `Last-Event-ID` or with `after`: without gap or repeat, from -1 for everything still kept. Without "
    "either the stream begins now. Each second `event: heartbeat` {newest_offset, reader_offset, behind}; its "
    "`id` is the last offset examined, so a filtered reader resumes where it was. `event: gap` {from, to, reason} "
    "when retention has passed the offset asked for, or the stream was made anew. `event: end` {reason, "
    "resume_after} when the gateway stops (`shutdown`) or the reader's token has (`credential_ended`, "
    "`rights_changed`). A reader that does not read is cut off and resumes."
)


async def feed(call: Call) -> ASGIApp:
    """Run a feed. Raises UnsupportedMediaType."""
    read_query(call.request.query_params, ())
    require_type(call.request, CONTENT_TYPES)
    settings = call.serving.settings
    limits = FeedLimits(settings.feed_patience_seconds, settings.feed_spool_bytes)
    keeper = Keeper(call.serving.intake, caller_of(call))
    return FeedResponse(call.serving.rpc, keeper, limits, call.request.scope[REQUEST_ID])


async def stream(call: Call) -> ASGIApp:
    """Open the event stream. Raises InvalidInput, Forbidden."""
    return open_stream(call.request, call.serving.streams, call.actor, call.serving.authority)


ROUTES = (
    Route(
        "POST", "/v1/feed", "feed", "批量指令流", "Commands in, answers out, line by line", "dispatch", "feed.write",
        feed,
        body_type="application/x-ndjson", answer=CommandAnswer, answer_type="application/x-ndjson",
        about=FEED_ABOUT,
    ),
    Route(
        "GET", "/v1/stream", "stream", "实时事件流", "Every event, as it happens", "gateway", "stream.read", stream,
        answer=EnvelopeSchema, answer_type="text/event-stream",
        query=(
            params.text("type", "事件类型（可用 * 与 ?） · Type, with * and ?", pattern=TYPE_PATTERN, repeated=True),
            params.text("jurisdiction", "辖区代码前缀 · Prefix of a grid code", pattern="[0-9]{1,24}"),
            params.text("after", "从此编号之后 · Resume after this id", pattern=AFTER),
        ),
        about=STREAM_ABOUT,
    ),
)  # fmt: skip
