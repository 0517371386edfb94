"""The question whether it is a person, on the form to register, where the operator wants it asked."""

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qsl

import pytest

import inside
from entrepot.accounts import captcha
from entrepot.config import Config
from entrepot.refusal import Refused
from serving import Server, serving
from visiting import Visitor, words

FIELDS = {"homepage": "", "password1": "quiet lamp over harbour", "password2": "quiet lamp over harbour"}


class Judge:
    """A service that takes the answer "person"; `heard` is what it was sent."""

    def __init__(self) -> None:
        self.heard: list[dict[str, str]] = []
        self.answer: bytes | None = None  # what it says to everything, instead
        judge = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                judge.heard.append(dict(parse_qsl(body)))
                told = json.dumps({"success": judge.heard[-1].get("response") == "person"}).encode()
                self.send_response(200 if judge.answer is None else 500 if judge.answer == b"" else 200)
                self.end_headers()
                self.wfile.write(told if judge.answer is None else judge.answer)

            def log_message(self, *_what: object) -> None:
                """Be silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    judging = Judge()
    thread = Thread(target=judging.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield judging
    judging.server.shutdown()
    judging.server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory, judge: Judge) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("asking")
    settings = {
        "ENTREPOT_CAPTCHA_URL": f"{judge.origin}/v1/siteverify",
        "ENTREPOT_CAPTCHA_SECRET": "our secret",
        "ENTREPOT_CAPTCHA_SITE_KEY": "our-key",
    }
    with serving(folder, ENTREPOT_PROXIES="1", **settings) as running:
        yield running


def registered(server: Server, name: str) -> bool:
    return bool(inside.query(server, "SELECT 1 FROM accounts_user WHERE username = ?", name))


def test_a_person_registers(asking: Server, judge: Judge) -> None:
    visitor = Visitor(asking)
    page = visitor.get("/account/signup/")
    assert '<div class="g-recaptcha" data-sitekey="our-key"></div>' in page.text
    assert f'<script src="{judge.origin}/v1/api.js" async defer></script>' in page.text
    rules = dict(each.split(" ", 1) for each in page.headers["content-security-policy"].split("; "))
    assert rules["script-src"] == f"'self' {judge.origin}"
    assert rules["frame-src"] == judge.origin
    assert judge.origin not in visitor.get("/account/login/").headers["content-security-policy"]
    fields = {"username": "paula", "email": "paula@example.org", **FIELDS}
    judge.heard.clear()
    for wrong, told in (({}, "Please show that you are a person"), ({"password2": "other"}, "the same password")):
        assert told in words(visitor.post("/account/signup/", **{**fields, "g-recaptcha-response": "", **wrong}))
    assert judge.heard == []
    refused = visitor.post("/account/signup/", **{"g-recaptcha-response": "program", **fields})
    assert "You were taken for a program." in words(refused)
    assert not registered(asking, "paula")
    visitor.post("/account/signup/", **{"g-recaptcha-response": "person", **fields})
    assert registered(asking, "paula")
    assert judge.heard[-1] == {"secret": "our secret", "response": "person", "remoteip": visitor.address}


@pytest.mark.parametrize("answer", [b"", b"nonsense", b"[]", b"\xff"])
def test_nobody_registers_while_it_does_not_answer_and_all_else_goes_on(
    asking: Server, judge: Judge, answer: bytes
) -> None:
    judge.answer = answer
    fields = {"username": "quinn", "email": "quinn@example.org", **FIELDS}
    page = Visitor(asking).post("/account/signup/", **{"g-recaptcha-response": "person", **fields})
    assert (page.status_code, page.headers["retry-after"]) == (503, "30")
    assert "Nobody can register at this moment" in words(page)
    assert not registered(asking, "quinn")
    assert Visitor(asking).get("/account/login/").status_code == 200
    judge.answer = None


def test_nobody_is_asked_by_default(site: Server) -> None:
    page = Visitor(site).get("/account/signup/")
    assert not re.search('<script[^>]*src="(?!/static/)', page.text)
    assert "frame-src" not in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("url", "script", "field"),
    [
        ("https://api.hcaptcha.com/siteverify", "https://js.hcaptcha.com/1/api.js", "h-captcha-response"),
        (
            "https://challenges.cloudflare.com/turnstile/v0/siteverify",
            "https://challenges.cloudflare.com/turnstile/v0/api.js",
            "cf-turnstile-response",
        ),
        (
            "https://www.google.com/recaptcha/api/siteverify",
            "https://www.google.com/recaptcha/api.js",
            "g-recaptcha-response",
        ),
        ("https://captcha.example/siteverify", "https://captcha.example/api.js", "g-recaptcha-response"),
    ],
)
def test_the_services_that_are_known(monkeypatch: pytest.MonkeyPatch, url: str, script: str, field: str) -> None:
    monkeypatch.setenv("ENTREPOT_CAPTCHA_URL", url)
    assert (captcha.service().script, captcha.service().field) == (script, field)


@pytest.mark.parametrize("variable", ["ENTREPOT_CAPTCHA_URL", "ENTREPOT_LEAKED_PASSWORDS_URL"])
@pytest.mark.parametrize("given", ["captcha.example", "ftp://captcha.example", "https://", "https:// x"])
def test_no_url(variable: str, given: str) -> None:
    with pytest.raises(Refused, match=f"{variable} is not a URL"):
        Config.current({variable: given})
