"""A proxy between sources and server that breaks connections, delays them, or leaves the server with dead ones."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Proxy:
    """A TCP proxy between sources and server that breaks connections."""

    def __init__(self, port: int, seed: int = 0) -> None:
        self.target = port
        self.port = 0
        self.delay = 0.0
        """Seconds by which everything is delayed, at most"""
        self._random = random.Random(seed)
        self._open: list[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = []
        self._ghosts: set[asyncio.Task[None]] = set()
        self.cuts = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        """Listen for as long as needed."""
        listening = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = listening.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            listening.close()
            self.cut()
            for task in self._ghosts:
                task.cancel()

    def cut(self, ghost: bool = False) -> None:
        """Break what is open without a word; with `ghost` the server is left with a connection that says no more."""
        broken, self._open = self._open, []
        for client, server in broken:
            self.cuts += 1
            client.transport.abort()
            if ghost:
                task = asyncio.create_task(self._haunt(server))
                self._ghosts.add(task)
                task.add_done_callback(self._ghosts.discard)
            else:
                server.transport.abort()

    async def _haunt(self, server: asyncio.StreamWriter) -> None:
        try:
            await asyncio.sleep(5)
        finally:
            server.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._open.append((writer, back))
        await asyncio.gather(self._pass(reader, back), self._pass(there, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                if self.delay:
                    await asyncio.sleep(self._random.uniform(0, self.delay))
                writer.write(data)
                await writer.drain()
            writer.close()
