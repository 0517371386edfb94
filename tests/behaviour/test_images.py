"""Images of descriptions: only signed ones, only from the web, only images, and nothing else that they could do."""

import hmac
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory

from entrepot.ports.fetching import Fetcher, Reach, Turns
from entrepot.projects.descriptions import image_signatures
from entrepot.web import images
from scripted import Reply, Scripted, scripted
from serving import Server, serving

SVG = b'<?xml version="1.0"?>\n<!-- badge -->\n<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
GOOD = {
    "image/png": b"\x89PNG\r\n\x1a\n and so on",
    "image/jpeg": b"\xff\xd8\xff and so on",
    "image/gif": b"GIF89a and so on",
    "image/webp": b"RIFF\x00\x0a\x00\x00WEBPVP8 ",
    "image/avif": b"\x00\x00\x00\x20ftypavif\x00\x00\x00\x00avifmif1",
    "image/svg+xml": SVG,
    "image/svg+xml; charset=utf-8": b"\xef\xbb\xbf <svg></svg>",
    "IMAGE/PNG": b"\x89PNG\r\n\x1a\n",
}
BAD = {
    "text/html": b"<script>alert(1)</script>",
    "image/png": b"<svg></svg>",
    "image/svg+xml": b"<html><script>alert(1)</script></html>",
    "image/svg+xml; charset=utf-7": b"+ADw-svg",
    "image/gif": b"/*GIF89a*/",
    "image/jpeg": b"",
    "image/bmp": b"BM",
    "": b"\x89PNG\r\n\x1a\n",
    "application/octet-stream": b"\x89PNG\r\n\x1a\n",
}


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    """Somebody's image host on this machine, which only this test may fetch from."""
    here = Fetcher(
        agent=images.AGENT,
        accept="image/png",
        largest=images.LARGEST,
        resolve=lambda _host: ["127.0.0.1"],
        turns=images.TURNS,
        reach=Reach(admits=lambda _address: True, ports=range(1, 65536)),
    )
    monkeypatch.setattr(images, "fetcher", lambda: here)
    with scripted(lambda _: Reply(404)) as running:
        yield running


def asked(url: str, **headers: str) -> HttpResponse:
    address = url.encode().hex()
    request = RequestFactory().get("/image/", headers=headers)
    return images.image(request, signature=image_signatures()(address), address=address)


@pytest.mark.parametrize(("content_type", "body"), GOOD.items())
def test_an_image_is_sent_on_in_a_sandbox(web: Scripted, content_type: str, body: bytes) -> None:
    web.answer = lambda _: Reply(headers={"Content-Type": content_type, "Set-Cookie": "a=b"}, body=body)
    response = asked(f"{web.url}/a")
    assert (response.status_code, response.content) == (200, body)
    assert response["Content-Type"] == content_type.partition(";")[0].lower()
    assert response["Content-Security-Policy"] == "sandbox; default-src 'none'; style-src 'unsafe-inline'"
    assert response["Cache-Control"].startswith("public, max-age=86400")
    assert "Set-Cookie" not in response
    assert {"cookie", "referer"}.isdisjoint(web.asked[0].headers)


@pytest.mark.parametrize(("content_type", "body"), BAD.items())
def test_what_is_no_image_is_not_sent_on(web: Scripted, content_type: str, body: bytes) -> None:
    web.answer = lambda _: Reply(headers={"Content-Type": content_type}, body=body)
    response = asked(f"{web.url}/a")
    assert (response.status_code, response["Content-Type"]) == (502, "text/plain; charset=utf-8")
    assert response["Cache-Control"] == "public, max-age=300"
    assert response.content == b"The image cannot be fetched.\n"


def test_one_that_is_gone_is_not_there(web: Scripted) -> None:
    response = asked(f"{web.url}/a")
    assert (response.status_code, response["Cache-Control"]) == (404, "public, max-age=300")


def test_who_fetches_from_us_on_our_own_behalf_gets_nothing(web: Scripted) -> None:
    """An image that leads back here would be fetched for ever."""
    asked(f"{web.url}/a")
    response = asked(f"{web.url}/a", via=web.asked[0].headers["via"])
    assert (response.status_code, response["Cache-Control"]) == (404, "no-store")
    assert len(web.asked) == 1


@pytest.mark.django_db
def test_a_host_that_fails_is_no_error_of_ours(web: Scripted, caplog: pytest.LogCaptureFixture) -> None:
    """Strangers name the hosts, as many as they like."""
    web.answer = lambda _: Reply(500)
    address = f"{web.url}/a".encode().hex()
    path = f"/image/{image_signatures()(address)}/{address}"
    with caplog.at_level(logging.INFO):
        assert Client().get(path).status_code == 502
        images.fetcher()._turns = Turns(in_all=0, of_one_host=1, patience=0.01)
        assert Client().get(path).status_code == 503
    told = [(each.name, each.levelname) for each in caplog.records if "/image/" in str(getattr(each, "request", ""))]
    assert told == [("entrepot.web.images", "INFO")] * 2


def test_too_many_at_once_are_asked_to_come_again(web: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images.fetcher(), "_turns", Turns(in_all=0, of_one_host=1, patience=0.01))
    response = asked(f"{web.url}/a")
    assert (response.status_code, response["Retry-After"], response["Cache-Control"]) == (503, "5", "no-store")


def path_of(server: Server, url: str) -> str:
    """Where descriptions of this server show the image."""
    address = url.encode().hex()
    secret = (server.data / "secret").read_bytes()
    signature = hmac.new(secret, b"image\0" + address.encode(), "sha256").hexdigest()[:32]
    return f"/image/{signature}/{address}"


def test_only_what_is_signed_is_fetched(site: Server) -> None:
    address = b"http://127.0.0.1/".hex()
    answer = site.get(f"/image/{'0' * 32}/{address}")
    assert (answer.status, answer.headers["cache-control"]) == (403, "public, max-age=300")
    assert site.get(f"/image/{'0' * 32}/nothex").status == 404
    assert site.request("HEAD", f"/image/{'0' * 32}/{address}").status == 405


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://[::1]/", "https://169.254.169.254/", "http://127.0.0.1:5432/"]
)
def test_a_server_does_not_fetch_from_itself_or_its_neighbours(site: Server, url: str) -> None:
    answer = site.get(path_of(site, url))
    assert (answer.status, answer.text) == (502, "The image cannot be fetched.\n")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "set-cookie" not in answer.headers
    assert site.get(path_of(site, url), accept_language="de").text == answer.text
    assert "accept-language" not in answer.headers.get("vary", "").lower()


def test_an_operator_can_turn_them_off(tmp_path: Path) -> None:
    with serving(tmp_path / "data", ENTREPOT_IMAGES="off") as server:
        answer = server.get(path_of(server, "http://127.0.0.1/"))
        assert (answer.status, answer.headers["cache-control"]) == (404, "no-store")
