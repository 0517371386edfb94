"""Somebody with a browser that runs no scripts: pages, cookies and forms."""

import hashlib
import hmac
import itertools
import re
import struct
import time
from base64 import b32decode
from email import policy
from email.parser import BytesParser
from html import unescape
from urllib.parse import urlsplit

import httpx2

import inside
from serving import PASSWORD, Server

_ADDRESSES = itertools.count(1)
_TOKEN = re.compile('name="csrfmiddlewaretoken" value="([^"]+)"')


class Visitor:
    """A browser with cookies of its own. Redirects are followed unless a test turns that off (`client`).

    Behind a proxy (the fixture `site`) each has an IP address of its own, so that no limit counts two as one.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        number = next(_ADDRESSES)
        self.address = f"10.{number >> 8 & 255}.{number & 255}.1"
        self.client = httpx2.Client(
            base_url=server.url,
            headers={"X-Forwarded-For": self.address, "User-Agent": "a browser"},
            follow_redirects=True,
            timeout=60,
            limits=httpx2.Limits(max_keepalive_connections=0),  # and so there is nothing to close
        )
        self.name = ""
        self.password = PASSWORD
        self.secret = ""  # of the authenticator app
        self.codes: list[str] = []  # recovery codes that were not used

    def get(self, path: str) -> httpx2.Response:
        """A page."""
        return self.client.get(path)

    def post(self, path: str, *, on: str = "", **fields: str) -> httpx2.Response:
        """Send a form: the one of the page `on`, or of the page itself, as people do who have looked at it."""
        token = token_of(self.get(on or path))
        return self.client.post(path, data={"csrfmiddlewaretoken": token, **fields})

    def sign_in(self, name: str, password: str = PASSWORD) -> httpx2.Response:
        """Send the form for signing in; where a second factor is asked for, use up a recovery code."""
        self.name, self.password = name, password
        answer = self.post("/account/login/", login=name, password=password)
        return self.show_factor(answer) if urlsplit(str(answer.url)).path == "/account/2fa/authenticate/" else answer

    def show_factor(self, page: httpx2.Response) -> httpx2.Response:
        """Give a recovery code where a second factor is asked for; the browser is not to be trusted for a month."""
        trust = self.post_here(page, code=self.codes.pop())
        return self.post_here(trust, action="skip")

    def protect(self) -> None:
        """Set up an authenticator app and recovery codes, as a public index asks for."""
        page = self.get("/account/2fa/totp/activate/")
        self.secret = re.findall("<code>([A-Z2-7]+)</code>", page.text)[0]
        assert self.post_here(page, code=totp(self.secret)).status_code == 200
        page = self.post("/account/recovery-codes/")
        self.codes = re.findall("^(?:.*<code>)?([0-9a-f]{8}-[0-9a-f]{8})$", page.text, re.MULTILINE)
        assert len(self.codes) == 8, page.text
        self.post("/account/recovery-codes/", code=self.codes.pop())

    def post_here(self, page: httpx2.Response, **fields: str) -> httpx2.Response:
        """Send a form of this very page, without looking at it once more."""
        return self.client.post(str(page.url), data={"csrfmiddlewaretoken": token_of(page), **fields})


def member(server: Server, name: str, *, email: str = "") -> Visitor:
    """A new user, made by the operator, who has signed in and has all factors that a public index asks for."""
    newcomer(server, name, email=email)
    visitor = Visitor(server)
    assert visitor.sign_in(name).status_code == 200
    visitor.protect()
    return visitor


def newcomer(server: Server, name: str, *, email: str = "") -> None:
    """A new user, made by the operator."""
    address = email or f"{name}@example.org"
    server.command("user", "create", name, "--email", address, "--password-stdin", stdin=PASSWORD)


def token_of(page: httpx2.Response) -> str:
    """What a form of the page has to say to be taken."""
    found = _TOKEN.search(page.text)
    assert found, (page.status_code, str(page.url), page.text)
    return found[1]


def words(page: httpx2.Response) -> str:
    """What people read of a page."""
    return " ".join(unescape(re.sub("<[^>]*>", " ", page.text.partition("<main")[2])).split())


def totp(secret: str, *, steps: int = 0) -> str:
    """What an authenticator app shows, `steps` of 30 seconds from now (RFC 6238)."""
    moment = struct.pack(">Q", int(time.time()) // 30 + steps)
    digest = hmac.digest(b32decode(secret), moment, hashlib.sha1)
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


def letters(server: Server, to: str) -> list[str]:
    """Subjects and texts of all that was mailed to an address, sent or about to be, the oldest first."""
    waiting = inside.query(server, 'SELECT id, subject, text FROM accounts_letter WHERE "to" = ?', to)
    # One that is being sent is in both for a moment.
    found = {**_sent(server, to), **{int(str(key)): f"{subject}\n\n{text}" for key, subject, text in waiting}}
    return [found[key] for key in sorted(found)]


def _sent(server: Server, to: str) -> dict[int, str]:
    """By the number that each had while it waited."""
    paths = (server.data / "mail").glob("*.eml")
    mails = [BytesParser(policy=policy.default).parsebytes(path.read_bytes()) for path in paths]
    texts = [(mail, mail.get_body(("plain",))) for mail in mails if mail["To"] == to]
    return {
        int(re.findall(r"-(\d+)@", mail["Message-ID"])[0]): f"{mail['Subject']}\n\n{body.get_content()}"
        for mail, body in texts
        if body is not None
    }


def mailed_code(server: Server, to: str) -> str:
    """The code in the last mail to an address."""
    inside.eventually(lambda: bool(letters(server, to)))
    return str(re.findall(r"^ {4}(\S+)$", letters(server, to)[-1], re.MULTILINE)[0])
