"""A TCP proxy that misbehaves on command: it stands between the services and one of their servers.

One thread with an asyncio loop serves any number of connections. What it can do is what networks do: cut connections
with a reset, hold everything back, let it through by the spoonful, swallow one direction and refuse newcomers.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

CHUNK = 64 * 1024
LINGER_ZERO = struct.pack("ii", 1, 0)
"""SO_LINGER of no time at all: closing sends a reset and drops what is unsent."""
MODES = ("pass", "stall", "throttle", "half-open-to-server", "half-open-to-client", "refuse")


@dataclass(eq=False)
class Pair:
    """One proxied connection. `deaf`: it has lost bytes, so it can never be mended, only reset."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    deaf: bool = False

    def reset(self) -> None:
        for writer in (self.client, self.server):
            connection = writer.get_extra_info("socket")
            if connection is not None:
                with contextlib.suppress(OSError):
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
            writer.transport.abort()


@dataclass
class FaultProxy:
    """Listens on 127.0.0.1:`port` and passes on to 127.0.0.1:`target`; bytes per second only count while throttled."""

    name: str
    port: int
    target: int
    bytes_per_second: int = 8_000
    mode: str = "pass"
    pairs: set[Pair] = field(default_factory=set)
    done: Counter[str] = field(default_factory=Counter)
    """By mode, how often it was felt: chunks held back, slowed or swallowed, connections cut or turned away."""
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def start(self) -> None:
        """Begin to serve; returns when the port accepts connections."""
        self._thread = threading.Thread(target=self._serve, name=f"proxy {self.name}", daemon=True)
        self._changed = asyncio.Event()
        self._thread.start()
        self._do(self._listen())

    def stop(self) -> None:
        """Reset what is left and end the thread."""
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._loop.close()

    def set(self, mode: str) -> None:
        """Misbehave from now on; `pass` mends. A connection that lost bytes is reset when it is mended."""
        if mode not in MODES:
            raise ValueError(f"no such mode: {mode}")
        self._do(self._set(mode))

    def reset_all(self) -> int:
        """Cut every connection with a reset, now; how many there were."""
        return int(self._do(self._reset(lambda _pair: True)))

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def _close(self) -> None:
        self._server.close()
        await self._set("pass")
        await self._reset(lambda _pair: True)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _set(self, mode: str) -> None:
        self.mode = mode
        self._changed.set()
        self._changed = asyncio.Event()
        if mode == "refuse":
            self.done["refuse"] += await self._reset(lambda _pair: True)
        elif mode == "pass":
            await self._reset(lambda pair: pair.deaf)

    async def _reset(self, chosen: Callable[[Pair], bool]) -> int:
        cut = [pair for pair in self.pairs if chosen(pair)]
        for pair in cut:
            pair.reset()
        return len(cut)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode == "refuse":
            self.done["refuse"] += 1
            writer.transport.abort()
            return
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        pair = Pair(client=writer, server=to_server)
        self.pairs.add(pair)
        try:
            # A stop of the proxy cancels this; the streams' own callback would print that as an accident.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(
                    self._pump(pair, reader, to_server, "half-open-to-server"),
                    self._pump(pair, from_server, writer, "half-open-to-client"),
                )
        finally:
            self.pairs.discard(pair)
            for end in (writer, to_server):
                end.close()

    async def _pump(self, pair: Pair, source: asyncio.StreamReader, sink: asyncio.StreamWriter, swallowed: str) -> None:
        try:
            while data := await source.read(CHUNK):
                self.done["stall"] += self.mode == "stall"
                while self.mode == "stall":
                    await self._changed.wait()
                if self.mode == swallowed:
                    pair.deaf = True
                    self.done[swallowed] += 1
                if pair.deaf and self.mode == swallowed:
                    continue
                await self._pass_on(data, sink)
            # One side has nothing more to say: the other hears of it, unless that too is lost.
            if not pair.deaf:
                sink.write_eof()
        except OSError:
            # One side's reset is the other's: kept to ourselves, it would leave somebody waiting for ever.
            if not pair.deaf:
                pair.reset()

    async def _pass_on(self, data: bytes, sink: asyncio.StreamWriter) -> None:
        step = max(1, self.bytes_per_second // 10)
        self.done["throttle"] += self.mode == "throttle"
        while data and self.mode == "throttle":
            sink.write(data[:step])
            data = data[step:]
            await asyncio.sleep(0.1)
        sink.write(data)
        await sink.drain()
