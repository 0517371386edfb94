"""Every implementation of the port to caches keeps its promise."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from entrepot.config import Config
from entrepot.ports.cdn import AT_ONCE, Cdn, NoCdn, NotShown, PurgeFailed
from entrepot.ports.cdns import cdn_from_url
from entrepot.refusal import Refused
from scripted import Asked, Reply, Scripted, scripted
from varnish import cdn_url, new_cache

FASTLY_TOKEN = "a token of Fastly's"
NOBODY = "127.0.0.1:9"


@dataclass
class Origin:
    """A site with one page, whose tag is `project/demo`."""

    etag: str = '"one"'
    status: int = 200

    def __call__(self, asked: Asked) -> Reply:
        if asked.target == "/_health/":
            return Reply()
        surrogate = {"Surrogate-Control": "max-age=86400, stale-if-error=86400", "Surrogate-Key": "project/demo"}
        return Reply(self.status, {"ETag": self.etag, "Vary": "Accept, Accept-Encoding", **surrogate}, b"page")


@dataclass
class FakeFastly:
    """Fastly's purge API as its documentation has it, and one place of its network in front of `origin`."""

    origin: Origin
    kept: dict[str, tuple[Reply, bool]] = field(default_factory=dict)  # by target; whether it may be sent
    purges: list[Asked] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Reply:
        if asked.method == "POST":
            return self._purge(asked)
        reply, fresh = self.kept.get(asked.target, (Reply(503), False))
        if fresh:
            return reply
        fetched = self.origin(asked)
        if fetched.status == 200 or asked.target not in self.kept:
            self.kept[asked.target] = reply, _ = fetched, True
        return reply

    def _purge(self, asked: Asked) -> Reply:
        assert asked.target == "/service/SERVICE/purge"
        self.purges.append(asked)
        if asked.headers.get("fastly-key") != FASTLY_TOKEN:
            return Reply(403)
        if "project/demo" in asked.headers["surrogate-key"].split(" "):
            soft = asked.headers.get("fastly-soft-purge") == "1"
            self.kept = {target: (reply, False) for target, (reply, _) in self.kept.items()} if soft else {}
        return Reply(body=b'{"status": "ok", "id": "1"}')


@dataclass
class Site:
    """An origin, and what keeps its page and is told through `cdn`."""

    origin: Origin
    cdn: Cdn

    def sent(self) -> list[tuple[int, str]]:
        return [(each.status, each.etag) for each in self.cdn.look("/simple/demo/", accept="text/html", coding="gzip")]


@contextmanager
def behind_varnish() -> Iterator[Site]:
    origin = Origin()
    with scripted(origin) as server, new_cache() as one, new_cache() as two:
        one.start(server.url)
        two.start(server.url)
        addresses = f"127.0.0.1:{one.port},127.0.0.1:{two.port}"
        yield Site(origin, cdn_from_url(cdn_url(addresses), site="", fastly_token=""))


@contextmanager
def behind_fastly() -> Iterator[Site]:
    origin = Origin()
    with scripted(FakeFastly(origin)) as server:
        url = f"fastly://SERVICE?api={server.url}"
        yield Site(origin, cdn_from_url(url, site=server.url, fastly_token=FASTLY_TOKEN))


@pytest.fixture(params=[behind_varnish, behind_fastly], ids=["varnish", "fastly"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    with request.param() as made:
        yield made


@pytest.fixture
def fastly() -> Iterator[tuple[FakeFastly, Scripted]]:
    fake = FakeFastly(Origin())
    with scripted(fake) as server:
        yield fake, server


def test_what_has_changed_is_sent_after_a_purge(site: Site) -> None:
    assert {*site.sent()} == {(200, '"one"')}
    site.origin.etag = '"two"'
    assert {*site.sent()} == {(200, '"one"')}
    site.cdn.purge(["project/other"])
    assert {*site.sent()} == {(200, '"one"')}
    site.cdn.purge(["project/other", "project/demo"])
    assert {*site.sent()} == {(200, '"two"')}


def test_what_was_purged_is_kept_for_the_time_when_the_origin_fails(site: Site) -> None:
    assert {*site.sent()} == {(200, '"one"')}
    site.origin.status = 500
    site.cdn.purge(["project/demo"])
    assert {*site.sent()} == {(200, '"one"')}


def test_what_was_removed_is_never_sent_again(site: Site) -> None:
    assert {*site.sent()} == {(200, '"one"')}
    site.origin.status = 500
    site.cdn.remove(["project/demo"])
    assert {status for status, _ in site.sent()} == {500}


def test_any_number_of_tags(site: Site) -> None:
    assert {*site.sent()} == {(200, '"one"')}
    site.origin.etag = '"two"'
    site.cdn.purge({f"package/{number:064}" for number in range(3 * AT_ONCE)} | {"project/demo"})
    assert {*site.sent()} == {(200, '"two"')}
    site.cdn.purge([])


def test_no_caches() -> None:
    cdn = cdn_from_url("none:", site="https://index.example", fastly_token="")
    cdn.purge(["project/demo"])
    cdn.remove(["project/demo"])
    assert cdn.look("/simple/", accept="text/html", coding="gzip") == []
    assert isinstance(Config.current({}).cdn(), NoCdn)


@pytest.mark.parametrize("url", [cdn_url(NOBODY), f"fastly://SERVICE?api=http://{NOBODY}"], ids=["varnish", "fastly"])
def test_caches_that_do_not_answer(url: str) -> None:
    cdn = cdn_from_url(url, site=f"http://{NOBODY}", fastly_token=FASTLY_TOKEN)
    with pytest.raises(PurgeFailed, match="does not answer: ConnectError"):
        cdn.purge(["project/demo"])
    with pytest.raises(PurgeFailed, match="does not answer: ConnectError"):
        cdn.remove(["project/demo"])
    with pytest.raises(NotShown, match="does not answer for /simple/"):
        cdn.look("/simple/", accept="text/html", coding="gzip")


def test_all_that_answer_are_told_when_one_does_not() -> None:
    with scripted(lambda _asked: Reply()) as server:
        cdn = cdn_from_url(
            f"varnish://127.0.0.1:1,127.0.0.1:{server.port}?token=x", site="http://index.example", fastly_token=""
        )
        for tell in (cdn.purge, cdn.remove):
            with pytest.raises(PurgeFailed, match=r"127\.0\.0\.1:1 does not answer"):
                tell({"project/demo"})
        assert [each.headers["surrogate-key"] for each in server.asked] == ["project/demo"] * 2


def test_caches_that_refuse(fastly: tuple[FakeFastly, Scripted]) -> None:
    _, server = fastly
    cdn = cdn_from_url(f"fastly://SERVICE?api={server.url}", site="", fastly_token="wrong")
    with pytest.raises(PurgeFailed, match="Fastly refuses for service SERVICE: 403") as refused:
        cdn.purge(["project/demo"])
    assert "wrong" not in str(refused.value)
    server.answer = lambda _: Reply(405)
    with pytest.raises(PurgeFailed, match="refuses: 405") as refused:
        cdn_from_url(cdn_url(f"127.0.0.1:{server.port}"), site="", fastly_token="").purge(["project/demo"])
    assert "token" not in str(refused.value)


def test_fastly_is_asked_as_its_documentation_has_it(fastly: tuple[FakeFastly, Scripted]) -> None:
    fake, server = fastly
    cdn = cdn_from_url(f"fastly://SERVICE?api={server.url}", site="", fastly_token=FASTLY_TOKEN)
    cdn.purge(["b", "a"])
    cdn.remove(["c"])
    soft, hard = fake.purges
    assert (soft.target, soft.body) == ("/service/SERVICE/purge", b"")
    assert (soft.headers["surrogate-key"], soft.headers["fastly-soft-purge"]) == ("a b", "1")
    assert (hard.headers["surrogate-key"], "fastly-soft-purge" in hard.headers) == ("c", False)
    assert soft.headers["accept"] == "application/json"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("pigeon://index.example", "not with scheme 'pigeon'"),
        ("none:at-all", "not with scheme 'none'"),
        ("varnish://127.0.0.1:80", "HOST:PORT"),
        ("varnish://127.0.0.1:80?token=%0A", "HOST:PORT"),
        ("varnish://?token=x", "HOST:PORT"),
        ("fastly://", "SERVICE_ID"),
        ("fastly://SERVICE", "ENTREPOT_FASTLY_TOKEN"),
    ],
)
def test_what_names_no_caches(url: str, told: str, tmp_path: Path) -> None:
    config = Config.current({"ENTREPOT_CDN_URL": url, "ENTREPOT_DATA": str(tmp_path)})
    with pytest.raises(Refused, match=f"ENTREPOT_CDN_URL: .*{told}"):
        config.cdn()


def test_the_same_url_gives_the_same_connections() -> None:
    config = Config.current({"ENTREPOT_CDN_URL": "fastly://SERVICE", "ENTREPOT_FASTLY_TOKEN": FASTLY_TOKEN})
    assert config.cdn() is config.cdn()
    assert FASTLY_TOKEN not in repr(config)
