"""A real S3 server of the tests' own: OpenStack Swift with its S3 API, out of `.clients/swift`.

It has a directory of its own and free ports, writes nowhere else, and needs no particular user. What runs inside is
`tests/swift_cluster.py`.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from urllib.parse import urlencode

import httpx2
import obstore
import pytest
from obstore.store import S3Store as Client

from breakable import Breakable
from clients import CLIENTS

CLUSTER = Path(__file__).with_name("swift_cluster.py")
CONDITIONS = ("honoured", "refused", "ignored")  # what the ports do with a conditional PUT, as in the cluster
LENT = timedelta(minutes=1)
KEY, SECRET = "index:entrepot", "secret"
PREFIX = "some/prefix"


@dataclass
class Swift(Breakable):
    """A server whose objects lie below `directory`; `process` while it runs."""

    directory: Path
    process: "subprocess.Popen[str] | None" = None
    ports: Sequence[int] = (0, 0, 0)
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def environment(self) -> Mapping[str, str]:
        """The credentials, for the environment of whoever uses it."""
        return {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1"}

    def endpoint(self, conditions: str = "honoured") -> str:
        """Where it answers; the others are of servers that refuse `If-Match`, or do not know any condition."""
        return f"http://127.0.0.1:{self.ports[CONDITIONS.index(conditions)]}"

    def url(self, bucket: str, conditions: str = "honoured", **options: str) -> str:
        """What `ENTREPOT_STORE_URL` says of a bucket."""
        return f"s3://{bucket}/{PREFIX}?{urlencode({'endpoint': self.endpoint(conditions), **options})}"

    def new_bucket(self, conditions: str = "honoured", **options: str) -> str:
        """Make an empty bucket; its URL."""
        bucket = f"bucket-{next(self.numbers)}"
        made = httpx2.put(obstore.sign(self.client(bucket), "PUT", "", LENT), trust_env=False)
        assert made.status_code == 200, made.text
        return self.url(bucket, conditions, **options)

    def client(self, bucket: str) -> Client:
        """The library's own view of a bucket."""
        return Client(
            bucket,
            endpoint=self.endpoint(),
            access_key_id=KEY,
            secret_access_key=SECRET,
            client_options={"allow_http": True},
        )

    def start(self) -> None:
        """Start it, at the ports it had before, and wait until it answers."""
        # Safe path: else the cluster would find this file in place of the package that it imports.
        python = (CLIENTS / "swift" / "bin" / "python", "-P", "-W", "ignore")
        with (self.directory / "log").open("a") as log:
            self.process = subprocess.Popen(
                [*python, CLUSTER, self.directory, *map(str, self.ports)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, (self.directory / "log").read_text()
        self.ports = json.loads(line)

    def stop(self) -> None:
        """Stop it as if it had crashed."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def pid(self) -> int:
        """The process of the whole cluster."""
        assert self.process is not None
        return self.process.pid


@contextmanager
def running_swift() -> Iterator[Swift]:
    """A new server, stopped and removed at the end; skips the test where files can have no attributes."""
    assert (CLIENTS / "swift").exists(), "Swift is missing: run tools/clients"
    directory = Path(tempfile.mkdtemp(prefix="entrepot-swift-"))
    try:
        _check_attributes(directory)
        swift = Swift(directory)
        swift.start()
        try:
            yield swift
        finally:
            swift.stop()
    finally:
        shutil.rmtree(directory)


def _check_attributes(directory: Path) -> None:
    try:
        os.setxattr(directory, "user.entrepot", b"x")
    except OSError:
        pytest.skip(f"Swift keeps its metadata in extended attributes, which files in {directory.parent} cannot have")
