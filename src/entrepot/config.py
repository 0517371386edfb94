"""What an installation is told from outside: environment variables that begin with ENTREPOT_, and nothing else.

The command line turns its options into these variables, so the processes that it starts read the same.
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from entrepot.ports.store import FileStore, store_from_url
from entrepot.refusal import Refused


@dataclass(frozen=True, slots=True)
class Config:
    """One installation.

    `data` is the directory that holds all state in embedded mode. `local_url` is how this machine reaches the server,
    `public_url` how people and installers do; links in published documents begin with it. Neither ends in a slash.
    """

    data: Path
    local_url: str
    database_url: str
    store_url: str
    public_url: str

    @classmethod
    def current(cls, environ: Mapping[str, str] = os.environ) -> "Config":
        """The installation that the environment describes. Raises Refused("invalid-setting")."""
        data = Path(environ.get("ENTREPOT_DATA") or "data").resolve()
        host = environ.get("ENTREPOT_HOST") or "127.0.0.1"
        port = environ.get("ENTREPOT_PORT") or "8000"
        if not port.isdecimal():
            raise Refused("invalid-setting", f"ENTREPOT_PORT is not a number: {port!r}.")
        local_url = f"http://{_reachable(host)}:{port}"
        return cls(
            data=data,
            local_url=local_url,
            database_url=environ.get("ENTREPOT_DATABASE_URL") or f"sqlite:///{quote(str(data / 'entrepot.sqlite3'))}",
            store_url=environ.get("ENTREPOT_STORE_URL") or f"file://{quote(str(data / 'store'))}",
            public_url=(environ.get("ENTREPOT_PUBLIC_URL") or local_url).rstrip("/"),
        )

    def store(self) -> FileStore:
        """Where published objects lie. Raises Refused("invalid-setting") for a URL that no store answers to."""
        try:
            return store_from_url(self.store_url)
        except ValueError as error:
            raise Refused("invalid-setting", f"ENTREPOT_STORE_URL: {error}.") from error

    @property
    def uploads(self) -> Path:
        """Where request bodies wait until they are checked."""
        return self.data / "uploads"

    def secret(self) -> str:
        """The key of the installation, made at first use and readable by its owner only."""
        path = self.data / "secret"
        if not path.exists():
            self.data.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".secret-{secrets.token_hex(8)}")
            draft.touch(mode=0o600)
            with draft.open("w") as file:
                file.write(secrets.token_urlsafe(48))
                file.flush()
                os.fsync(file.fileno())  # a power cut must not leave an empty secret, which makes every token invalid
            try:
                os.link(draft, path)  # whoever is first wins; the others read that one
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return path.read_text()


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
