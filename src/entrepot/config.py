"""What an installation is told from outside: environment variables that begin with ENTREPOT_, and nothing else.

The command line turns its options into these variables, so the processes that it starts read the same.
"""

import binascii
import os
import re
import secrets
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.policy import default as message_policy
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote, urlsplit

from entrepot.ports.cdn import Cdn
from entrepot.ports.cdns import cdn_from_url
from entrepot.ports.mailserver import MailServer, mail_server_from_url
from entrepot.ports.store import Store
from entrepot.ports.stores import store_from_url
from entrepot.refusal import Refused

SHORTEST_SECRET = 32  # characters
REDIS_ANSWERS = 1.0  # seconds, or it counts as lost
SHORTEST_KEY = 24  # bytes of a key that messages to us are signed with: what Standard Webhooks asks for


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
    whom `captcha_site_key` names this site, `scanner_keys` the file with the keys of those who may report leaked
    tokens (empty: nobody). `dns` is the resolver that says whether mail domains still exist (empty: the system's;
    "off": none), `rdap_url` who knows since when (empty: nobody is asked), `images` says how those of descriptions are
    shown ("proxy", or empty, fetches them; "off" shows none). `given_pages` is the directory with the operator's own
    pages (empty: one in `data`), `given_contact` where weaknesses are reported, as a URI (empty: to the sender of
    mail). `search_url` is the index of an OpenSearch server (empty: the database is searched). `download_logs` is the
    directory of the logs of downloads (empty: one in `data`; "off": none are written). `given_secret`, `bounce_secret`,
    `metrics_token`, `sentry_dsn`, `fastly_token` and `captcha_secret` are empty when there are none.
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
    scanner_keys: str = ""
    mail_url: str = field(default="", repr=False)
    mail_from: str = ""
    leaked_passwords_url: str = ""
    dns: str = ""
    rdap_url: str = ""
    images: str = ""
    given_pages: str = ""
    given_contact: str = ""
    search_url: str = field(default="", repr=False)
    download_logs: str = ""
    bounce_secret: str = field(default="", repr=False)
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
            scanner_keys=environ.get("ENTREPOT_SCANNER_KEYS", ""),
            mail_url=_mail_url(environ),
            mail_from=_mail_from(environ),
            leaked_passwords_url=_url("ENTREPOT_LEAKED_PASSWORDS_URL", environ).rstrip("/"),
            dns=_dns(environ),
            rdap_url=_rdap_url(environ),
            images=_one_of("ENTREPOT_IMAGES", ("", "proxy", "off"), environ),
            given_pages=environ.get("ENTREPOT_PAGES", ""),
            given_contact=_contact(environ),
            search_url=_search_url(environ),
            download_logs=environ.get("ENTREPOT_DOWNLOAD_LOGS", ""),
            bounce_secret=_bounce_secret(environ),
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

    def mail_server(self) -> MailServer | None:
        """Who takes mail; None where it is written to files."""
        return mail_server_from_url(self.mail_url) if self.mail_url else None

    @property
    def sender(self) -> str:
        """Whose mail it is, as in the header From (RFC 5322)."""
        return self.mail_from or f"Entrepot <no-reply@{_mail_domain(self.public_url)}>"

    @property
    def security_contact(self) -> str:
        """Where weaknesses are reported, as a URI (RFC 9116, section 2.5.3)."""
        return self.given_contact or f"mailto:{_addresses(self.sender)[0]}"

    @property
    def pages(self) -> Path:
        """Where the operator's own pages lie; there may be none."""
        return Path(self.given_pages).resolve() if self.given_pages else self.data / "pages"

    @property
    def downloads(self) -> Path:
        """Where logs of downloads lie until they are counted."""
        given = self.download_logs
        return Path(given).resolve() if given not in {"", "off"} else self.data / "downloads"

    @property
    def downloads_noted_in(self) -> Path | None:
        """Where the read plane writes its own; None where others log what it sends."""
        return None if self.download_logs == "off" else self.downloads

    @property
    def mails(self) -> Path:
        """Where mail is written to without a mail server."""
        return self.data / "mail"

    def nameserver(self) -> tuple[str, int] | None:
        """Address and port of the resolver; None for the system's."""
        return _nameserver(self.dns) if self.dns not in {"", "off"} else None

    def bounce_key(self) -> bytes:
        """What messages about mail that came back are signed with; empty where nobody may send any."""
        return _key(self.bounce_secret) if self.bounce_secret else b""

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


def _mail_url(environ: Mapping[str, str]) -> str:
    given = environ.get("ENTREPOT_MAIL_URL", "")
    try:
        if given:
            mail_server_from_url(given)
    except ValueError as error:
        raise Refused("invalid-setting", f"ENTREPOT_MAIL_URL: {error}.") from error
    return given


def _mail_from(environ: Mapping[str, str]) -> str:
    given = environ.get("ENTREPOT_MAIL_FROM", "")
    header = message_policy.header_factory("From", given)
    if given and (header.defects or len(header.addresses) != 1 or not given.isprintable()):
        raise Refused("invalid-setting", f"ENTREPOT_MAIL_FROM is not a name and an address, NAME <ADDRESS>: {given!r}.")
    return given


def _addresses(header: str) -> list[str]:
    """The addresses of a valid header From, as a URI has them (RFC 6068)."""
    parsed = message_policy.header_factory("From", header)
    return [quote(each.addr_spec, safe="@+") for each in parsed.addresses]


def _contact(environ: Mapping[str, str]) -> str:
    given = environ.get("ENTREPOT_SECURITY_CONTACT", "")
    contact = f"mailto:{given}" if re.fullmatch(r"[^\s@:]+@[^\s@:]+", given) else given
    if contact and not re.fullmatch(r"(mailto:[^\s@]+@|https://|tel:)[^\s@]+", contact):
        told = f"ENTREPOT_SECURITY_CONTACT is no mail address, nor a URI with https:, mailto: or tel:: {given!r}."
        raise Refused("invalid-setting", told)
    return contact


def _mail_domain(url: str) -> str:
    host = urlsplit(url).hostname or "localhost"
    try:
        return f"[{'IPv6:' if ip_address(host).version == 6 else ''}{host}]"  # RFC 5321, section 4.1.3
    except ValueError:
        return host


def _dns(environ: Mapping[str, str]) -> str:
    given = environ.get("ENTREPOT_DNS", "")
    try:
        if given not in {"", "off"}:
            _nameserver(given)
    except ValueError:
        told = f"ENTREPOT_DNS is neither off nor ADDRESS or ADDRESS:PORT of a resolver: {given!r}."
        raise Refused("invalid-setting", told) from None
    return given


def _nameserver(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    return str(ip_address(parts.hostname or "")), parts.port or 53


def _rdap_url(environ: Mapping[str, str]) -> str:
    given = environ.get("ENTREPOT_RDAP_URL", "").rstrip("/")
    if given and not re.fullmatch(r"https?://[^\s?#]+", given):
        raise Refused("invalid-setting", f"ENTREPOT_RDAP_URL is not the URL of an RDAP server: {given!r}.")
    return given


def _search_url(environ: Mapping[str, str]) -> str:
    given = environ.get("ENTREPOT_SEARCH_URL", "")
    if given and not re.fullmatch(r"https?://[^\s/?#]+/[a-z0-9][a-z0-9_-]*", given):
        told = "ENTREPOT_SEARCH_URL is not an index of OpenSearch: https://USER:PASSWORD@HOST:9200/INDEX."
        raise Refused("invalid-setting", told)
    return given


def _bounce_secret(environ: Mapping[str, str]) -> str:
    given = environ.get("ENTREPOT_BOUNCE_SECRET", "")
    if given and len(_key(given)) < SHORTEST_KEY:
        told = f"ENTREPOT_BOUNCE_SECRET is not whsec_ and {SHORTEST_KEY} bytes or more in base64."
        raise Refused("invalid-setting", told)
    return given


def _key(secret: str) -> bytes:
    """The key in a secret as Standard Webhooks writes it; empty if it is none."""
    try:
        return b64decode(secret.removeprefix("whsec_"), validate=True) if secret.startswith("whsec_") else b""
    except binascii.Error:
        return b""


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
