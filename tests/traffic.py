"""People who publish and install while something breaks, and what must hold for them whatever happens.

Publishers keep trying one upload until it is acknowledged, as a build server would. Readers look at pages and fetch
what they list. What is never right is noted as a fault: a wrong hash, a listed file that is said not to exist, a serial
that went back, an upload refused for good. What was acknowledged is held against the index afterwards.
"""

import hashlib
import http.client
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import urljoin, urlsplit

from archives import forge
from inside import eventually
from serving import Answer, Server, request
from uploading import upload

SIMPLE = "application/vnd.pypi.simple.v1+json"
PATIENCE = 90.0  # seconds until all that was acknowledged is listed, once nothing is broken any more
PAUSE = 0.05  # seconds before somebody tries again
NO_ANSWER = (OSError, http.client.HTTPException)


@dataclass(frozen=True)
class File:
    """A file that was acknowledged: its project, its name, its SHA-256."""

    project: str
    filename: str
    sha256: str


@dataclass
class Traffic:
    """Publishers at `server`, readers at the URL `reading`."""

    server: Server
    reading: str
    seed: int = 0
    acknowledged: list[File] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)  # projects that were said to have pages, not only to get some
    uploads: Counter[str] = field(default_factory=Counter)
    reads: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    _stop: Event = field(default_factory=Event)
    _hopeless: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)

    @contextmanager
    def flowing(self, publishers: int = 3, readers: int = 2) -> Iterator[None]:
        """Let it flow; at the end a publisher stops when its upload is acknowledged, or nobody hopes for that."""
        acts = [self._publish] * publishers + [self._read] * readers
        threads = [Thread(target=act, args=(number,), daemon=True) for number, act in enumerate(acts)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in threads), f"somebody still tries: {self.summary()}"

    def give_up(self) -> None:
        """The server will not come back: nobody need try again."""
        self._hopeless.set()

    def check(self) -> None:
        """All that was acknowledged is listed and comes with its hash, everything listed does, and nothing was wrong
        meanwhile."""
        assert self.faults == [], self.faults[:5]
        assert self.acknowledged
        eventually(self._all_listed, within=PATIENCE)
        for project in sorted({file.project for file in self.acknowledged}):
            for listed in self._page(project).json()["files"]:
                assert self._fetched(project, listed).status == 200, listed["filename"]
        assert self.faults == [], self.faults[:5]

    def summary(self) -> str:
        """What happened, in a line."""
        return f"{len(self.acknowledged)} acknowledged, uploads {dict(self.uploads)}, reads {dict(self.reads)}"

    def _publish(self, number: int) -> None:
        version = 0
        while not self._stop.is_set():
            version += 1
            project = f"fault{self.seed}x{number}x{version % 5}"
            built = forge.wheel(project, f"{version}.0")
            while self._try(project, f"{version}.0", built) is None and not self._hopeless.is_set():
                time.sleep(PAUSE)

    def _try(self, project: str, version: str, built: forge.Built) -> bool | None:
        """Upload once. None: try again."""
        try:
            answer = upload(self.server, built.filename, built.data, name=project, version=version)
        except NO_ANSWER:
            self._count(self.uploads, "no answer")
            return None
        self._count(self.uploads, str(answer.status))
        if answer.status == 200:
            with self._lock:
                self.acknowledged.append(File(project, built.filename, hashlib.sha256(built.data).hexdigest()))
                if "x-entrepot-publication" not in answer.headers:
                    self.shown.append(project)
            return True
        if answer.status < 500:
            self._fault(f"{built.filename} was refused: {answer.status} {answer.reason}")
            return False
        if answer.status == 503 and "retry-after" not in answer.headers:
            self._fault("503 without Retry-After")
        return None if answer.status == 503 else self._fault(f"{built.filename}: {answer.status}")

    def _read(self, number: int) -> None:
        chance, serials = random.Random(self.seed + number), dict[str, int]()  # noqa: S311
        while not self._stop.is_set():
            time.sleep(PAUSE)
            with self._lock:
                project = chance.choice(self.shown) if self.shown else ""
            try:
                if project:
                    self._look(project, chance, serials)
            except NO_ANSWER:
                self._count(self.reads, "no answer")

    def _look(self, project: str, chance: random.Random, serials: dict[str, int]) -> None:
        answer = self._page(project)
        self._count(self.reads, str(answer.status))
        if answer.status != 200:
            return
        serial = int(answer.headers["x-pypi-last-serial"])
        if serial < serials.get(project, 0):
            self._fault(f"{project} went back from serial {serials[project]} to {serial}")
        serials[project] = serial
        if files := answer.json()["files"]:
            self._count(self.reads, f"file {self._fetched(project, chance.choice(files)).status}")

    def _fetched(self, project: str, listed: dict[str, Any]) -> Answer:
        answer = self._get(urljoin(f"/simple/{project}/", listed["url"]))
        if answer.status == 404:
            self._fault(f"{listed['filename']} is listed and not there")
        if answer.status == 200 and hashlib.sha256(answer.body).hexdigest() != listed["hashes"]["sha256"]:
            self._fault(f"{listed['filename']} came with wrong bytes")
        return answer

    def _page(self, project: str) -> Answer:
        return self._get(f"/simple/{project}/", {"Accept": SIMPLE})

    def _get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return request("GET", urlsplit(self.reading).netloc, path, b"", headers or {})

    def _all_listed(self) -> bool:
        wanted: dict[str, dict[str, str]] = {}
        for file in self.acknowledged:
            wanted.setdefault(file.project, {})[file.filename] = file.sha256
        return all(wanted[project].items() <= self._listed(project).items() for project in wanted)

    def _listed(self, project: str) -> dict[str, str]:
        answer = self._page(project)
        files = answer.json()["files"] if answer.status == 200 else []
        return {file["filename"]: file["hashes"]["sha256"] for file in files}

    def _count(self, counter: Counter[str], what: str) -> None:
        with self._lock:
            counter[what] += 1

    def _fault(self, what: str) -> bool:
        with self._lock:
            self.faults.append(what)
        return False
