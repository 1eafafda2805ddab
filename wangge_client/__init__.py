"""A small client of Wangge's live events. Needs httpx and nothing else of the house.

from wangge_client import Event, Gap, Stream

with Stream("http://127.0.0.1:8115", token, types=["wangge.dispatch.incident.*"]) as stream:
for message in stream:
match message:
case Event():
handle(message)          # at least once over restarts of yours: store stream.position afterwards
case Gap():
load_anew()              # events that cannot be had any more: read the incidents instead
"""

from wangge_client.messages import Event, Gap, StreamRefused
from wangge_client.stream import Stream

__all__ = ["Event", "Gap", "Stream", "StreamRefused"]
