"""A real SMTP server in this process, which keeps what it is sent, and the certificate that it shows."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from serving import free_port


@dataclass(frozen=True)
class Mail:
    """A mail as it came: to whom it was addressed on the way, and what it says."""

    recipients: list[str]
    message: EmailMessage
    encrypted: bool
    user: str

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    def body(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        assert part is not None
        return str(part.get_content()).replace("\r\n", "\n")

    @property
    def text(self) -> str:
        return self.body("plain")


@dataclass
class Mailbox:
    """What has come, and how the server answers: `answer_recipient` and `answer_mail` may refuse."""

    port: int
    mails: list[Mail] = field(default_factory=list)
    answer_recipient: Callable[[str], str] = field(default=lambda _to: "250 OK")
    answer_mail: Callable[[], str] = field(default=lambda: "250 OK")

    def to(self, address: str) -> list[Mail]:
        return [each for each in self.mails if each.recipients == [address]]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = self.answer_recipient(address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the same
        answer = self.answer_mail()
        if answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            message = message_from_bytes(envelope.content, policy=default)
            assert isinstance(message, EmailMessage)
            user = session.auth_data.login.decode() if isinstance(session.auth_data, LoginPassword) else ""
            self.mails.append(Mail(envelope.rcpt_tos, message, session.ssl is not None, user))
        return answer


@dataclass(frozen=True)
class Certificate:
    """A certificate for a host, which is its own authority, in files."""

    path: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path, self.key)
        return context


def new_certificate(folder: Path, host: str = "127.0.0.1") -> Certificate:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    try:
        alternative: x509.GeneralName = x509.IPAddress(ip_address(host))
    except ValueError:
        alternative = x509.DNSName(host)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    found = Certificate(folder / f"{host}.pem", folder / f"{host}.key")
    found.path.write_bytes(made.public_bytes(Encoding.PEM))
    found.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return found


def _log_in(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object) -> AuthResult:
    assert isinstance(data, LoginPassword)
    return AuthResult(success=data.password == b"p@ss word", handled=False, auth_data=data)


def receiving_by(scheme: str, certificate: Certificate) -> AbstractContextManager[Mailbox]:
    """A server for URLs with this scheme."""
    return receiving(starttls=certificate) if scheme == "smtp" else receiving(tls=certificate)


@contextmanager
def receiving(
    *, starttls: Certificate | None = None, tls: Certificate | None = None, port: int = 0
) -> Iterator[Mailbox]:
    """A server on this machine, in the clear unless it has a certificate to begin TLS with or to speak TLS at once."""
    mailbox = Mailbox(port or free_port())
    controller = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=mailbox.port,
        ssl_context=None if tls is None else tls.context(),
        tls_context=None if starttls is None else starttls.context(),
        require_starttls=starttls is not None,
        authenticator=_log_in,
        auth_require_tls=tls is None,
    )
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()
