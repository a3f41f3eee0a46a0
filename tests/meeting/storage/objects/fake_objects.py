"""Object stores for tests: one in memory that refuses, hangs and loses answers, and a real one of S3's kind."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.harness.server import free_port
from meeting.core.errors import ObjectStoreError
from meeting.storage.objects.object_store import StoredObject
from pipelines.errors import StoreError

BUCKET = "meetings"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


class FakeObjects:
    """Objects in memory."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.away = False
        """Whether it refuses everything"""
        self.deaf = 0
        """So many objects are stored whose answer is lost"""
        self.gate = threading.Event()
        """Not set: whoever stores something hangs"""
        self.gate.set()
        self.puts: list[str] = []
        self.now = lambda: datetime.now(timezone.utc)
        """When everything was stored"""

    def put(self, name: str, data: bytes) -> None:
        self.gate.wait(20)
        self._answer()
        self.held[name] = data
        self.puts.append(name)
        if self.deaf:
            self.deaf -= 1
            raise StoreError("the connection is gone")

    def put_file(self, name: str, path: Path) -> None:
        self.put(name, path.read_bytes())

    def get(self, names: Sequence[str]) -> list[bytes]:
        self._answer()
        if not all(name in self.held for name in names):
            raise StoreError("an object is not there")
        return [self.held[name] for name in names]

    def get_file(self, name: str, path: Path) -> None:
        self._answer()
        path.write_bytes(self.held[name])

    def list(self, folder: str) -> list[StoredObject]:
        self._answer()
        held = sorted(self.held.items())
        return [StoredObject(name, len(data), self.now()) for name, data in held if name.startswith(folder + "/")]

    def folders(self, folder: str) -> Sequence[str]:
        self._answer()
        below = (name[len(folder) + 1 :] for name in self.held if name.startswith(folder + "/"))
        return sorted({name.partition("/")[0] for name in below if "/" in name})

    def remove(self, names: Sequence[str]) -> None:
        self._answer()
        for name in names:
            self.held.pop(name, None)

    def _answer(self) -> None:
        if self.away:
            raise ObjectStoreError("the object store is away")


class Inline(Executor):
    """Does everything at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@contextmanager
def s3_server() -> Iterator[dict[str, str]]:
    """A store that speaks S3, a process of its own, with an empty bucket; the environment in which it is found."""
    import boto3
    from botocore.exceptions import BotoCoreError

    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 60
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    try:
        client = boto3.client("s3", endpoint_url=address, **keys)
        while True:
            try:
                client.create_bucket(Bucket=BUCKET)
                break
            except BotoCoreError:
                assert server.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
        client.close()
        yield {**KEYS, "AWS_ENDPOINT_URL": address}
    finally:
        server.kill()
        server.wait()
