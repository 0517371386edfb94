"""Who takes our mail."""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit


class Security(StrEnum):
    """How the line to a mail server is kept from others; its certificate is checked where there is one."""

    STARTTLS = "smtp"  # begun in the clear, and nothing is sent unless TLS follows
    TLS = "smtps"
    NONE = "smtp+plain"  # within this machine only


PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}


@dataclass(frozen=True, slots=True)
class MailServer:
    """A server that speaks SMTP; `user` and `password` are empty where it asks for none."""

    host: str
    port: int
    security: Security
    user: str = ""
    password: str = field(default="", repr=False)


def mail_server_from_url(url: str) -> MailServer:
    """The server that the URL names, with user and password percent-encoded. Raises ValueError, which tells neither."""
    kinds = [each.value for each in Security]
    parts = urlsplit(url)
    if parts.scheme not in kinds or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"a mail server is given as {', '.join(f'{each}://HOST:PORT' for each in kinds)}")
    if bool(parts.username) != bool(parts.password):
        raise ValueError("a mail server takes a user with a password, or neither")
    security = Security(parts.scheme)
    if security is Security.NONE and not _is_this_machine(parts.hostname):
        raise ValueError("mail goes without TLS within this machine only")
    try:
        port = parts.port or PORTS[security]
    except ValueError:
        raise ValueError("the port of the mail server is no number from 0 to 65535") from None
    return MailServer(parts.hostname, port, security, unquote(parts.username or ""), unquote(parts.password or ""))


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
