"""What an installation is told from outside: environment variables that begin with ENTREPOT_, and nothing else.

The command line turns its options into these variables, so the processes that it starts read the same.
"""

import os
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from entrepot.ports.cdn import Cdn
from entrepot.ports.cdns import cdn_from_url
from entrepot.ports.store import Store
from entrepot.ports.stores import store_from_url
from entrepot.refusal import Refused

SHORTEST_SECRET = 32  # characters
REDIS_ANSWERS = 1.0  # seconds, or it counts as lost


@dataclass(frozen=True, slots=True)
class Config:
    """One installation.

    `data` is the directory that holds all state in embedded mode. `local_url` is how this machine reaches the server,
    `public_url` how people and installers do; links in published documents begin with it. Neither ends in a slash.
    `cache_url` names what processes on several machines share (limits, short-lived figures), `cdn_url` the caches in
    front, which are told what has changed. `log` is the form of log lines ("json", "text", or empty), `drain` for how
    many seconds the server goes on answering when it is told to stop, `proxies` how many stand in front and say whom
    they heard. `registration` says whether people may register ("open", "closed", or empty: as the policy has it),
    `mail_url` who takes mail (empty: it is written to files), `mail_from` whose it is, `leaked_passwords_url` who knows
    leaked passwords (empty: nobody is asked), `captcha_url` who judges whether a person registers (empty: nobody), for
    whom `captcha_site_key` names this site. `given_secret`, `metrics_token`, `sentry_dsn`, `fastly_token` and
    `captcha_secret` are empty when there are none.
    """

    data: Path
    local_url: str
    database_url: str
    store_url: str
    cache_url: str
    cdn_url: str
    public_url: str
    log: str = ""
    drain: float = 0.0
    proxies: int = 0
    registration: str = ""
    mail_url: str = ""
    mail_from: str = ""
    leaked_passwords_url: str = ""
    captcha_url: str = ""
    captcha_site_key: str = ""
    captcha_secret: str = field(default="", repr=False)
    given_secret: str = field(default="", repr=False)
    metrics_token: str = field(default="", repr=False)
    sentry_dsn: str = field(default="", repr=False)
    fastly_token: str = field(default="", repr=False)

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
            cache_url=environ.get("ENTREPOT_CACHE_URL") or "database:",
            cdn_url=environ.get("ENTREPOT_CDN_URL") or "none:",
            public_url=(environ.get("ENTREPOT_PUBLIC_URL") or local_url).rstrip("/"),
            log=_one_of("ENTREPOT_LOG", ("", "json", "text"), environ),
            drain=_seconds("ENTREPOT_DRAIN", environ),
            proxies=_count("ENTREPOT_PROXIES", environ),
            registration=_one_of("ENTREPOT_REGISTRATION", ("", "open", "closed"), environ),
            mail_url=environ.get("ENTREPOT_MAIL_URL", ""),
            mail_from=environ.get("ENTREPOT_MAIL_FROM", ""),
            leaked_passwords_url=_url("ENTREPOT_LEAKED_PASSWORDS_URL", environ).rstrip("/"),
            captcha_url=_url("ENTREPOT_CAPTCHA_URL", environ),
            captcha_site_key=environ.get("ENTREPOT_CAPTCHA_SITE_KEY", ""),
            captcha_secret=environ.get("ENTREPOT_CAPTCHA_SECRET", ""),
            given_secret=environ.get("ENTREPOT_SECRET", ""),
            metrics_token=environ.get("ENTREPOT_METRICS_TOKEN", ""),
            sentry_dsn=environ.get("ENTREPOT_SENTRY_DSN", ""),
            fastly_token=environ.get("ENTREPOT_FASTLY_TOKEN", ""),
        )

    def store(self) -> Store:
        """Where published objects lie. Raises Refused("invalid-setting") for a URL that no store answers to."""
        try:
            return store_from_url(self.store_url)
        except ValueError as error:
            raise Refused("invalid-setting", f"ENTREPOT_STORE_URL: {error}.") from error

    @property
    def redis_url(self) -> str:
        """The Redis that processes share; empty: the database stands in for it. Raises Refused("invalid-setting")."""
        if self.cache_url == "database:":
            return ""
        if self.cache_url.partition("://")[0] not in {"redis", "rediss", "unix"}:
            raise Refused(
                "invalid-setting",
                "ENTREPOT_CACHE_URL: a cache is given as database:, redis://, rediss:// or unix:///path.",
            )
        return self.cache_url

    def cdn(self) -> Cdn:
        """The caches in front. Raises Refused("invalid-setting") for a URL that names none."""
        try:
            return cdn_from_url(self.cdn_url, site=self.public_url, fastly_token=self.fastly_token)
        except ValueError as error:
            raise Refused("invalid-setting", f"ENTREPOT_CDN_URL: {error}.") from error

    @property
    def uploads(self) -> Path:
        """Where request bodies wait until they are checked."""
        return self.data / "uploads"

    def secret(self) -> str:
        """The key of the installation: as given, else from a file, made at first use and readable by its owner only.

        Raises Refused("invalid-setting") when the given one is too short.
        """
        if self.given_secret:
            if len(self.given_secret) < SHORTEST_SECRET:
                raise Refused("invalid-setting", f"ENTREPOT_SECRET has fewer than {SHORTEST_SECRET} characters.")
            return self.given_secret
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


def _one_of(variable: str, values: Sequence[str], environ: Mapping[str, str]) -> str:
    given = environ.get(variable, "")
    if given not in values:
        raise Refused("invalid-setting", f"{variable} is neither {' nor '.join(filter(None, values))}: {given!r}.")
    return given


def _url(variable: str, environ: Mapping[str, str]) -> str:
    given = environ.get(variable, "")
    if given and not re.fullmatch(r"https?://[^\s/]\S*", given):
        raise Refused("invalid-setting", f"{variable} is not a URL that begins with https:// or http://: {given!r}.")
    return given


def _seconds(variable: str, environ: Mapping[str, str]) -> float:
    given = environ.get(variable) or "0"
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]+)?", given):
        raise Refused("invalid-setting", f"{variable} is not a number of seconds: {given!r}.")
    return float(given)


def _count(variable: str, environ: Mapping[str, str]) -> int:
    given = environ.get(variable) or "0"
    if not re.fullmatch(r"[0-9]", given):
        raise Refused("invalid-setting", f"{variable} is not a number from 0 to 9: {given!r}.")
    return int(given)


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
