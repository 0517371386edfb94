"""What lies in the data directory of a running server, and its processes: what a refused upload must not change."""

import hashlib
import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from entrepot import layout
from entrepot.layout import Form
from entrepot.names import ProjectName
from entrepot.page import Page
from serving import DATABASE, DATABASES, Server

TABLES = {
    False: "SELECT name FROM sqlite_master WHERE type = 'table'",
    True: "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'",
}
COLUMNS = {
    False: "SELECT name FROM pragma_table_info(?)",
    True: "SELECT column_name FROM information_schema.columns WHERE table_name = ? ORDER BY ordinal_position",
}
IGNORED_COLUMNS = {"last_used_at", "last_used_from", "last_used_for"}  # of a token: it was used, whatever came of it
# The worker's, which goes round in any case, and what it makes after a change; and how often something was tried,
# whatever came of it.
IGNORED_TABLES = {"journal_heartbeat", "journal_position", "projects_description", "accounts_counter"} | {
    "sqlite_sequence",
    "projects_counted",
    "projects_total",
    "projects_dependency",
}
DERIVED = ("search_", "stats_")  # what is made of changes or logs soon after them; some of it only its engine can read


@dataclass(frozen=True)
class Trace:
    """All that an upload could leave behind: rows by table, stored files by path, waiting files, the serial."""

    rows: dict[str, list[tuple[object, ...]]]
    stored: dict[str, str]
    waiting: list[str]
    serial: int


def trace(server: Server) -> Trace:
    """The state of the server when nothing is owed to anybody. Locks of the store are not state, nor are mails."""
    eventually(lambda: query(server, "SELECT 1 FROM accounts_letter") == [])
    eventually(lambda: query(server, "SELECT 1 FROM journal_dirty") == [] and not _unfinished(server))
    store = server.data / "store"
    tables = [str(table) for (table,) in query(server, TABLES[bool(_url(server))])]
    stored = {str(path.relative_to(store)): _content(path) for path in sorted(store.rglob("*")) if path.is_file()}
    return Trace(
        rows={table: _rows(server, table) for table in tables if _is_state(table)},
        stored={path: digest for path, digest in stored.items() if not path.startswith("locks/")},
        waiting=sorted(str(path) for path in (server.data / "uploads").iterdir()),
        serial=serial(server),
    )


def query(server: Server, sql: str, *parameters: object) -> list[tuple[object, ...]]:
    """Run a statement on the server's database, beside the server, and commit it. Parameters are `?`."""
    if url := _url(server):
        with psycopg.connect(url, autocommit=True) as beside:
            done = beside.execute(sql.replace("%", "%%").replace("?", "%s").encode(), parameters)
            return [_plain(row) for row in done.fetchall()] if done.description else []
    with closing(sqlite3.connect(server.data / "entrepot.sqlite3", timeout=20)) as connection, connection:
        return connection.execute(sql, parameters).fetchall()


@contextmanager
def unrecorded(server: Server, action: str) -> Iterator[None]:
    """For a while no event called `action` can be recorded: the database refuses it."""
    if _url(server):
        begin = f"ALTER TABLE accounts_event ADD CONSTRAINT unrecorded CHECK (action <> '{action}') NOT VALID"
        end = "ALTER TABLE accounts_event DROP CONSTRAINT unrecorded"
    else:
        refuse = "BEGIN SELECT RAISE(ABORT, 'not to be recorded'); END"
        begin = f"CREATE TRIGGER unrecorded BEFORE INSERT ON accounts_event WHEN NEW.action = '{action}' {refuse}"
        end = "DROP TRIGGER unrecorded"
    query(server, begin)
    try:
        yield
    finally:
        query(server, end)


def use_up(server: Server, name: str, times: int) -> None:
    """Let something have been done so often, just now."""
    query(server, "DELETE FROM accounts_counter WHERE name = ?", name)
    now = time.time()
    uses = json.dumps([now] * times)
    query(server, "INSERT INTO accounts_counter (name, uses, until) VALUES (?, ?, ?)", name, uses, now + 3600)


def ago(**span: float) -> str:
    """The moment that is so many `seconds`, `minutes` … ago, as both kinds of database take it."""
    return f"{datetime.now(UTC) - timedelta(**span):%Y-%m-%d %H:%M:%S+00}"


def serial(server: Server) -> int:
    """The last serial of the journal."""
    ((last,),) = query(server, "SELECT max(serial) FROM journal_entry")
    return int(str(last or 0))


def age_release(server: Server, project: str, days: float) -> None:
    """Let the releases of a project have been created so many days ago."""
    older = {
        False: "datetime(created_at, ? || ' seconds')",
        True: "created_at + CAST(? || ' seconds' AS interval)",
    }
    query(
        server,
        f"UPDATE projects_release SET created_at = {older[bool(_url(server))]} "  # noqa: S608
        "WHERE project_id = (SELECT id FROM projects_project WHERE name = ?)",
        f"{-days * 86400:+f}",
        project,
    )


def project_id(server: Server, name: str) -> int:
    """The id of a project, which tokens refer to."""
    ((found,),) = query(server, "SELECT id FROM projects_project WHERE name = ?", name)
    return int(str(found))


def parts(server: Server, name: str = "") -> list[int]:
    """The ids of the processes that the server has started: all, or those called `web` or `work`."""
    return [each for each in _below(server.process.pid) if not name or name in _arguments(each)]


def family(server: Server) -> list[int]:
    """The server's processes, from the supervisor down."""
    return [server.process.pid, *_below(server.process.pid)]


@contextmanager
def paused(process: int) -> Iterator[None]:
    """A process and all below it stand still for a while."""
    stopped = [process]
    os.kill(process, signal.SIGSTOP)
    try:
        for child in _below(process):  # it cannot start any more
            os.kill(child, signal.SIGSTOP)
            stopped.append(child)
        yield
    finally:
        for each in stopped:
            os.kill(each, signal.SIGCONT)


def memory(process: int, what: str) -> int:
    """A figure of /proc/PID/status in bytes: `VmRSS` is what the process holds, `VmHWM` the most it ever held."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(f"{what}:")]
    return int(line.split()[1]) * 1024


def runs(process: int) -> bool:
    """Whether the process is there and has not ended."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def nameless(server: Server) -> list[Path]:
    """Where the server's processes hold temporary files open that have no name any more."""
    links = [_link(entry) for process in parts(server) for entry in Path(f"/proc/{process}/fd").iterdir()]
    return [Path(link.removesuffix(" (deleted)")) for link in links if link.endswith(" (deleted)")]


def catches(process: int, wanted: signal.Signals) -> bool:
    """Whether the process handles the signal by itself."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (mask,) = [int(line.split()[1], 16) for line in lines if line.startswith("SigCgt:")]
    return bool(mask >> (wanted - 1) & 1)


def eventually(true: Callable[[], bool], *, within: float = 20.0) -> None:
    """Wait until it is `true`; fail after so many seconds."""
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, "it never became true"
        os.sched_yield()


@contextmanager
def obstructed(data: Path, project: str) -> Iterator[None]:
    """The simple page of the project cannot be written for a while: a file stands where its folder should."""
    folder = (data / "store" / layout.project_page(ProjectName(project), Form.JSON).key).parent
    aside = folder.with_name(f"{project}.aside")
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        folder.rename(aside)
    folder.touch()
    try:
        yield
    finally:
        folder.unlink()
        if aside.exists():
            aside.rename(folder)


def _rows(server: Server, table: str) -> list[tuple[object, ...]]:
    columns = [str(column) for (column,) in query(server, COLUMNS[bool(_url(server))], table)]
    wanted = ", ".join(f'"{column}"' for column in columns if column not in IGNORED_COLUMNS)
    return query(server, f'SELECT {wanted} FROM "{table}" ORDER BY 1, 2')  # noqa: S608


def _is_state(table: str) -> bool:
    return table not in IGNORED_TABLES and not table.startswith(DERIVED)


def _url(server: Server) -> str:
    """Where the server's rows are, when they are not in its data directory."""
    return os.environ.get(DATABASE) or DATABASES.url_of(server.data)


def _plain(row: tuple[object, ...]) -> tuple[object, ...]:
    """The row as SQLite has it, which knows no truth."""
    return tuple(int(each) if isinstance(each, bool) else each for each in row)


def _unfinished(server: Server) -> list[Path]:
    return list((server.data / "store" / "tmp").glob("*"))


def _content(path: Path) -> str:
    """What readers get; a page may be written twice, at two serials, and says the same."""
    with path.open("rb") as file:
        if path.suffix in {".json", ".html"}:
            page = Page.unpack(file)
            return repr((page.last_serial, [variant.etag for variant in page.variants.values()]))
        return hashlib.file_digest(file, "sha256").hexdigest()


def _link(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except FileNotFoundError:  # it was closed meanwhile
        return ""


def _below(process: int) -> Iterator[int]:
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return
    for child in children:
        yield int(child)
        yield from _below(int(child))


def _arguments(process: int) -> list[str]:
    try:
        return Path(f"/proc/{process}/cmdline").read_text().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []
