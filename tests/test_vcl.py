"""The VCL that Entrepot ships, before an origin that answers as each test wants."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from threading import Event

import pytest
from django.test import RequestFactory
from django.utils.translation import get_language_from_request

from entrepot import layout
from entrepot.edge import negotiate
from inside import eventually
from scripted import Asked, Reply, Scripted, scripted
from serving import Answer, request
from varnish import TOKEN, Cache, new_cache

PAGE = {"Surrogate-Control": layout.PAGE.surrogate, "Cache-Control": layout.PAGE.control, "Surrogate-Key": "project/x"}
PIP = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
UV = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
PACKAGE = f"/packages/aa/bb/{'c' * 60}"
numbers = count()


@dataclass
class Front:
    """A cache, and the origin behind it; health checks are answered with 200."""

    cache: Cache
    origin: Scripted

    def says(self, status: int = 200, body: bytes = b"page", **headers: str) -> None:
        """From now on the origin answers everything like this; header names are given as keywords."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers(lambda _: Reply(status, named, body))

    def answers(self, answer: Callable[[Asked], Reply]) -> None:
        """From now on the origin answers like this."""
        self.origin.answer = lambda asked: Reply() if asked.target == "/_health/" else answer(asked)
        self.origin.asked.clear()

    def request(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
        """One request, on a connection of its own."""
        return request(method, f"127.0.0.1:{self.cache.port}", path, body, headers or {})

    def get(self, path: str, **headers: str) -> Answer:
        """GET with headers given as keywords."""
        return self.request("GET", path, {name.replace("_", "-"): value for name, value in headers.items()})

    def purge(self, tags: str, **headers: str) -> Answer:
        """A soft purge."""
        sent = {"Authorization": f"Bearer {TOKEN}", "Surrogate-Key": tags, "Soft-Purge": "1", **headers}
        return self.request("PURGE", "/", sent)

    def last(self) -> Asked:
        """What the origin was asked last."""
        return [each for each in self.origin.asked if each.target != "/_health/"][-1]


@pytest.fixture(scope="module")
def running() -> Iterator[Front]:
    with scripted(lambda _: Reply()) as origin, new_cache() as cache:
        cache.start(origin.url)
        yield Front(cache, origin)


@pytest.fixture
def front(running: Front) -> Front:
    running.says()
    return running


@pytest.fixture
def page() -> str:
    """A project's page that no other test asks for."""
    return f"/simple/project-{next(numbers)}/"


def test_what_varies_is_kept_apart_and_what_does_not_is_not(front: Front, page: str) -> None:
    front.answers(lambda _: Reply(200, {**PAGE, "Vary": "Accept, Accept-Encoding"}, b"page"))
    for accept in (PIP, UV, "application/vnd.pypi.simple.v1+json", "text/html;q=0.1, " + UV):
        assert front.get(page, accept=accept, accept_encoding="gzip, deflate").status == 200
    assert len(front.origin.targets()) == 1
    front.get(page, accept=PIP, accept_encoding="gzip, deflate, zstd")
    front.get(page, accept=UV, accept_encoding="zstd, gzip")
    assert len(front.origin.targets()) == 2
    front.get(page, accept="text/html", accept_encoding="gzip")
    front.get(page, accept="*/*", accept_encoding="x-gzip")
    front.get(f"{page}?format=text/html", accept=PIP, accept_encoding="gzip")
    assert len(front.origin.targets()) == 3


ACCEPTS = [
    "",
    "*/*",
    PIP,
    UV,
    "application/vnd.pypi.simple.v1+json",
    "application/vnd.pypi.simple.v1+json, */*;q=0.1",
    "application/vnd.pypi.simple.v1+html;q=0.2, application/vnd.pypi.simple.v1+json, text/html;q=0.01",
    "application/vnd.pypi.simple.latest+json",
    "application/vnd.pypi.simple.latest+html, text/html;q=0.5",
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "text/html",
    "text/*",
    "TEXT/HTML ; q=0.3 , Application/Vnd.Pypi.Simple.V1+Json;Q=0.2",
    "application/*",
    "application/json",
    "image/png",
    "text/html;q=0",
    "*/*;q=0, text/html",
    "*/*, text/html;q=0.5",
    "*/*;q=0.5, application/*;q=0.6",
    "application/vnd.pypi.simple.v1+json;q=nonsense, text/html;q=0.1",
    "application/vnd.pypi.simple.v1+json;charset=utf-8;q=0.5, text/html;q=0.4",
    "application/vnd.pypi.simple.v1+json;q=1.000,text/html;q=1.",
    ",,, text/html",
    f"application/vnd.pypi.simple.v1+json, {'x' * 1000}",
]


@pytest.mark.parametrize("accept", ACCEPTS)
def test_a_form_is_chosen_as_the_origin_chooses_it(front: Front, page: str, accept: str) -> None:
    front.get(page, accept=accept)
    chosen = negotiate.simple_type(accept)
    sent = front.last().headers.get("accept", "")
    assert negotiate.simple_type(sent) == chosen
    if chosen is not None:
        assert sent == chosen.partition(";")[0]


CODINGS = [
    "",
    "identity",
    "gzip",
    "gzip, deflate",
    "gzip, deflate, zstd",
    "gzip, deflate, br, zstd",
    "gzip, deflate, br",
    "br;q=0.5, gzip",
    "*",
    "*;q=0.5, gzip",
    "zstd;q=0, *",
    "identity;q=0.5, *;q=0",
    "gzip;q=0.5, identity",
    "x-gzip",
    "deflate",
    "GZIP ; Q=1.0",
    "gzip;q=2, br;q=0.1",
    "gzip;q=0",
]


@pytest.mark.parametrize("codings", CODINGS)
def test_a_coding_is_chosen_as_the_origin_chooses_it(front: Front, page: str, codings: str) -> None:
    front.get(page, accept_encoding=codings)
    assert front.last().headers.get("accept-encoding", "identity") == negotiate.coding(codings)


@pytest.mark.parametrize(
    ("query", "target", "accept"),
    [
        ("format=application/vnd.pypi.simple.v1+json", "", "application/vnd.pypi.simple.v1+json"),
        ("a=b&format=application%2Fvnd.pypi.simple.latest%2bhtml&c", "", "application/vnd.pypi.simple.latest+html"),
        ("format=text/plain", "", "text/html"),
        ("cache=busting", "", "text/html"),
        ("format=%74ext/html", "?format=%74ext/html", PIP),
    ],
)
def test_of_the_query_only_the_form_matters(front: Front, page: str, query: str, target: str, accept: str) -> None:
    front.get(f"{page}?{query}", accept=PIP if target else "text/html")
    assert front.last().target == page + target
    assert negotiate.simple_type(front.last().headers["accept"]) == negotiate.simple_type(accept)


def test_a_redirect_to_a_normalized_name_keeps_the_form(front: Front) -> None:
    front.get("/simple/A.Name/?format=text/html")
    assert front.last().target == "/simple/A.Name/?format=text/html"


CACHED = [
    "/simple/",
    "/simple",
    "/simple/a-{}/",
    "/simple/A.B_c{}/",
    "/pypi/a-{}/json",
    "/pypi/a-{}/1!2.0+x/json",
    f"{PACKAGE}/a-1.0+x{{}}.whl",
    f"{PACKAGE}/a{{}}-1.0.tar.gz.metadata",
    "/static/entrepot/site{}.css",
]
IMAGE = f"/image/{'a' * 32}/61{{}}"
SITE = ["/project/a-{}/", "/project/A.b_{}/1!2.0+x/", "/project/a{}/history/", "/user/a.b{}/", "/policies/a-{}/"]
SITE += ["/rss/project/a.B_{}/releases.xml"]
NOT_CACHED = [
    "/search/",
    "/rss/a{}.xml",
    "/rss/project/a{}/../releases.xml",
    "/project/a{}/../../account/",
    "/project/a{}/%2e%2e/",
    "/project//a{}/",
    "/account/",
    "/legacy/",
    "/manage/account{}/",
    "/manage/account/x{}.css",
    "/simple/a{}/../../manage/account/",
    "/simple/a{}/%2e%2e/account",
    "/simple/a{};x.css",
    "/simple/a{}%0a",
    "/simple/a{}/b/",
    "/simple//a{}/",
    "/simple/%61{}/",
    "/static/../manage/account{}",
    "/static/.{}",
    "/static/%2e%2e/manage/account{}/x.css",
    "/static//x{}.css",
    "/STATIC/x{}.css",
    "/pypi/a{}/json/x.css",
    "/pypi/a{}/x.css",
    f"{PACKAGE}/a{{}}/b.whl",
    f"{PACKAGE}/%2e%2e%2fa{{}}.whl",
    "/packages/aa/bb/cc/a{}.whl",
    "/_health/",
    "/_/oidc/audience",
]


@pytest.mark.parametrize("path", CACHED)
def test_what_is_on_the_list_is_cached_whatever_the_query_says(front: Front, path: str) -> None:
    front.says(Cache_Control="public, max-age=60")
    path = path.format(next(numbers))
    front.purge("nothing")
    answers = [front.get(f"{path}{query}") for query in ("", "?a", "?b=c")]
    assert [answer.headers["x-cache"] for answer in answers[1:]] == ["hit", "hit"]


def test_an_image_is_fetched_once(front: Front) -> None:
    front.says(Cache_Control="public, max-age=86400")
    path = IMAGE.format(10 + next(numbers) % 80)
    assert [front.get(path).headers["x-cache"] for _ in range(2)] == ["miss", "hit"]


def test_an_image_that_leads_back_to_us_is_missing_for_nobody_else(front: Front) -> None:
    front.answers(lambda asked: Reply(404) if "entrepot-images" in asked.headers.get("via", "") else Reply(200, PAGE))
    path = IMAGE.format(10 + next(numbers) % 80)
    assert front.get(path, via="1.1 somebody, 1.1 entrepot-images").status == 404
    answer = front.get(path, via="1.1 somebody")
    assert (answer.status, answer.headers["x-cache"]) == (200, "miss")


@pytest.mark.parametrize("path", [*SITE, "/", "/help/", "/rss/packages.xml", "/rss/updates.xml"])
def test_pages_for_people_are_kept_for_each_language(front: Front, path: str) -> None:
    front.answers(lambda _: Reply(200, {**PAGE, "Vary": "Accept-Encoding, Accept-Language, Cookie"}, b"page"))
    path = path.format(chr(97 + next(numbers) % 26) * 3)
    front.purge("project/x")
    before = len(front.origin.targets())
    for language in ("de", "de-AT,de;q=0.9,en;q=0.5", "tlh, de;q=0.3", "DE"):
        assert front.get(path, accept_language=language, cookie="device=x; signed-in=yes").status == 200
        assert front.last().headers["accept-language"] == "de"
    for cookie in ("language=de", "a=b; __Host-language=de; c=d"):
        front.get(path, accept_language="fr", cookie=cookie)
    assert len(front.origin.targets()) == before + 1
    assert "cookie" not in front.last().headers
    for language, spoken in (("pt-PT", "pt"), ("zh-TW,zh;q=0.9", "zh"), ("tlh", "en"), ("", "en"), ("x" * 1001, "en")):
        front.get(path, accept_language=language)
        assert front.last().headers["accept-language"] == spoken
    front.get(path, accept_language="fr", cookie="language=../x")
    assert front.last().headers["accept-language"] == "fr"


LANGUAGES = [
    ("", ""),
    ("", "xx"),
    ("", "de"),
    ("", "de-at"),
    ("", "*"),
    ("xx", "de"),
    ("zh-hans", "de"),
    ("pt-br", ""),
    ("", "de;q=0,fr"),
    ("", "de;q=0"),
    ("", "en;q=0.5, de"),
    ("", "fr;q=0.300 , de ; q=0.3,es;q=0.7"),
    ("", "ru;q=0.1,uk;q=0.2,he;q=0.4,ja;q=0.3"),
    ("", "ru;q=0.6,uk;q=0.8,he;q=0.9,ja;q=1.00"),
    ("", "fr;q=0.85,de;q=0.86"),
    ("", "tlh,*,de"),
    ("", "tlh,*;q=0.5,de"),
    ("", "de;q=2,fr"),
    ("", "fr,,de"),
    ("", ",fr"),
    ("", "fr,"),
    ("", "DE-at;Q=0.5"),
    ("", "de_AT,fr"),
    ("", "english,fr"),
    ("", "zh-TW,pt;q=0.9"),
    ("", "pt-PT"),
    ("", "x" * 501),
    ("", "fr," + "de-at," * 100 + "$"),
]


def spoken(cookie: str, accepted: str) -> str:
    """The language in which the origin answers."""
    asked = RequestFactory().get("/", headers={"Accept-Language": accepted})
    asked.COOKIES = {"language": cookie} if cookie else {}
    return get_language_from_request(asked)


@pytest.mark.parametrize(("cookie", "accepted"), LANGUAGES)
def test_a_language_is_chosen_as_the_origin_chooses_it(front: Front, cookie: str, accepted: str) -> None:
    front.get(f"/project/spoken-{next(numbers)}/", accept_language=accepted, cookie=f"a=b; language={cookie}; c=d")
    told = front.last().headers
    kept = told.get("cookie", "").partition("language=")[2].partition(";")[0]
    assert spoken(kept, told["accept-language"]) == spoken(cookie, accepted)


@pytest.mark.parametrize(
    ("query", "target", "cached"),
    [
        ("?utm=x", "", True),
        ("?utm=a%20b", "", True),
        ("?page=", "", True),
        ("?page", "", True),
        ("?page=2", "?page=2", True),
        ("?since=1%211.0", "?since=1%211.0", True),
        ("?q=Topic+%3A%3A+Internet", "?q=Topic+%3A%3A+Internet", True),
        ("?page=2&x", "?page=2&x", False),
        ("?x&page=2", "?x&page=2", False),
        ("?p%61ge=2", "?p%61ge=2", False),
        ("?q=%zz", "?q=%zz", False),
        ("?q=a/b", "?q=a/b", False),
    ],
)
def test_of_a_page_for_people_only_the_known_query_matters(front: Front, query: str, target: str, cached: bool) -> None:
    front.answers(lambda _: Reply(200, PAGE, b"page"))
    path = f"/project/query{next(numbers)}/history/"
    told = [front.get(f"{path}{query}").headers["x-cache"] for _ in range(2)]
    assert told == (["miss", "hit"] if cached else ["pass", "pass"])
    assert front.last().target == path + target


@pytest.mark.parametrize("path", NOT_CACHED)
def test_nothing_else_is(front: Front, path: str) -> None:
    front.says(Cache_Control="public, max-age=60", Surrogate_Control="max-age=60")
    path = path.format(next(numbers))
    answers = [front.get(path) for _ in range(3)]
    assert {(answer.status, answer.headers["x-cache"]) for answer in answers} == {(200, "pass")}
    assert len([each for each in front.origin.asked if each.target == path]) >= 3


@pytest.mark.parametrize(
    "headers",
    [
        {"Set-Cookie": "sessionid=x"},
        {"Cache-Control": "private, max-age=60", "Surrogate-Control": ""},
        {"Cache-Control": "no-store"},
        {"Surrogate-Control": "no-store"},
        {"Surrogate-Control": "max-age=0"},
        {"Vary": "*"},
        {"Cache-Control": "no-cache", "Surrogate-Control": ""},
    ],
)
def test_an_answer_for_one_client_is_not_for_others(front: Front, page: str, headers: dict[str, str]) -> None:
    front.answers(lambda _: Reply(200, {**PAGE, **headers}, b"page"))
    assert [front.get(page).headers["x-cache"] for _ in range(3)] == ["pass"] * 3
    assert len(front.origin.targets()) == 3


@pytest.mark.parametrize("headers", [{"Authorization": "Basic x"}, {"Cookie": "theme=dark; sessionid=x"}])
def test_requests_with_credentials_pass_by_what_is_cached(front: Front, page: str, headers: dict[str, str]) -> None:
    front.answers(lambda _: Reply(200, PAGE, b"mine"))
    assert front.request("GET", page, headers).headers["x-cache"] == "pass"
    assert all(front.last().headers[name.lower()] == value for name, value in headers.items())
    front.answers(lambda _: Reply(200, PAGE, b"everybody's"))
    assert front.get(page).body == b"everybody's"
    front.answers(lambda _: Reply(200, PAGE, b"mine again"))
    assert front.request("GET", page, headers).body == b"mine again"
    assert front.get(page, cookie="theme=dark").body == b"everybody's"


@pytest.mark.parametrize("status", [400, 403, 406, 410, 431, 500, 502, 503])
def test_errors_are_for_whom_they_were_made(front: Front, page: str, status: int) -> None:
    front.answers(lambda _: Reply(status, PAGE, b"error"))
    assert [front.get(page).status for _ in range(2)] == [status] * 2
    front.answers(lambda _: Reply(200, PAGE, b"page"))
    assert front.get(page).status == 200


def test_a_404_lives_for_seconds_and_can_be_purged(front: Front, page: str) -> None:
    front.answers(lambda _: Reply(404, {**PAGE, "Surrogate-Key": "project/absent"}))
    assert [front.get(page).headers["x-cache"] for _ in range(2)] == ["miss", "hit"]
    front.answers(lambda _: Reply(200, PAGE, b"page"))
    assert front.get(page).status == 404
    front.purge("project/absent")
    assert front.get(page).status == 200


def test_a_404_is_asked_for_again_after_its_time(front: Front, page: str) -> None:
    front.answers(lambda _: Reply(404, {"Surrogate-Control": "max-age=1"}))
    assert front.get(page).status == 404
    front.answers(lambda _: Reply(200, PAGE, b"page"))
    eventually(lambda: front.get(page).status == 200)


def test_what_expires_is_served_while_it_is_renewed(front: Front, page: str) -> None:
    control = {**PAGE, "Surrogate-Control": "max-age=1, stale-while-revalidate=60, stale-if-error=60"}
    front.answers(lambda _: Reply(200, {**control, "ETag": '"1"'}, b"old"))
    assert front.get(page).body == b"old"
    begun, go = Event(), Event()

    def slowly(_: Asked) -> Reply:
        begun.set()
        assert go.wait(10)
        return Reply(200, {**control, "ETag": '"2"'}, b"new")

    front.answers(slowly)
    eventually(lambda: bool(front.get(page).status and begun.is_set()))
    assert front.get(page).body == b"old"
    go.set()
    eventually(lambda: front.get(page).body == b"new")


def test_after_a_purge_everybody_waits_for_one_fetch(front: Front, page: str) -> None:
    front.answers(lambda _: Reply(200, {**PAGE, "ETag": '"1"'}, b"old"))
    assert front.get(page).body == b"old"
    begun, go = Event(), Event()

    def slowly(asked: Asked) -> Reply:
        assert asked.headers["if-none-match"] == '"1"'
        begun.set()
        assert go.wait(10)
        return Reply(200, {**PAGE, "ETag": '"2"'}, b"new")

    front.answers(slowly)
    assert front.purge("project/x").status == 200
    with ThreadPoolExecutor(8) as clients:
        asking = [clients.submit(front.get, page) for _ in range(8)]
        assert begun.wait(10)
        eventually(lambda: front.cache.counted()["MAIN.busy_sleep"] >= 1)
        go.set()
        assert {each.result().body for each in asking} == {b"new"}
    assert len(front.origin.targets()) == 1


def test_a_page_that_has_not_changed_costs_a_304(front: Front, page: str) -> None:
    front.answers(lambda _: Reply(200, {**PAGE, "ETag": '"1"', "Content-Type": "text/html"}, b"page"))
    front.get(page)
    front.answers(lambda _: Reply(304, {**PAGE, "ETag": '"1"'}))
    front.purge("project/x")
    for expected in ("hit", "hit"):
        answer = front.get(page)
        assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"page", "text/html")
        assert answer.headers["x-cache"] in {"miss", expected}
    front.purge("project/x")
    assert front.get(page).body == b"page"


@pytest.mark.parametrize("status", [500, 503])
def test_when_the_origin_fails_the_old_page_is_served_and_marked(front: Front, page: str, status: int) -> None:
    front.answers(lambda _: Reply(200, PAGE, b"old"))
    assert "x-entrepot-stale" not in front.get(page).headers
    front.answers(lambda _: Reply(status, {}, b"error"))
    front.purge("project/x")
    for _ in range(3):
        answer = front.get(page)
        assert (answer.status, answer.body) == (200, b"old")
        assert (answer.headers["x-entrepot-stale"], answer.headers["x-cache"]) == ("1", "stale")
    front.answers(lambda _: Reply(200, PAGE, b"new"))
    assert front.get(page).body == b"new"


def test_a_mark_of_the_origin_lasts_until_it_answers_without_it(front: Front, page: str) -> None:
    plain = {**PAGE, "ETag": '"1"'}
    marked = {**plain, "X-Entrepot-Stale": "1"}
    sent = []
    for status, headers in ((200, marked), (304, plain), (304, marked), (304, plain), (304, marked), (200, plain)):
        front.says(status, b"page" if status == 200 else b"", **headers)
        front.purge("project/x")
        for cached in ("miss", "hit"):
            answer = front.get(page)
            assert (answer.body, answer.headers["x-cache"]) == (b"page", cached)
            sent.append(answer.headers.get("x-entrepot-stale"))
    assert sent == ["1", "1", None, None] * 3


def test_an_origin_that_has_lost_its_store_does_not_lead_back_in_time(front: Front, page: str) -> None:
    """Each of its processes remembers what it saw last, which may be older than what the cache has seen."""
    front.says(200, b"newer", **PAGE)
    assert front.get(page).body == b"newer"
    front.says(200, b"older", **PAGE, **{"X-Entrepot-Stale": "1"})
    front.purge("project/x")
    for _ in range(2):
        answer = front.get(page)
        assert (answer.body, answer.headers["x-entrepot-stale"]) == (b"newer", "1")
    front.says(200, b"newest", **PAGE)
    assert front.get(page).body == b"newest"


def test_what_was_removed_is_not_served_when_the_origin_fails(front: Front, page: str) -> None:
    front.answers(lambda _: Reply(200, PAGE, b"malware"))
    front.get(page)
    front.answers(lambda _: Reply(503))
    assert front.purge("project/x", **{"Soft-Purge": "0"}).status == 200
    assert front.get(page).status == 503


def test_what_the_origin_tells_the_cache_goes_no_further(front: Front, page: str) -> None:
    front.answers(lambda _: Reply(200, {**PAGE, "xkey": "project/y"}, b"page"))
    for _ in range(2):
        told = set(front.get(page).headers)
        assert not told & {"surrogate-control", "surrogate-key", "xkey", "via", "x-varnish"}
        assert not {name for name in told if name.startswith("x-entrepot")}
    assert set(front.request("POST", "/legacy/").headers) & {"surrogate-control", "surrogate-key"} == set()


FORGED = {
    "X-Forwarded-For": "192.0.2.66",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "gopher",
    "Forwarded": "for=192.0.2.66",
    "X-Real-IP": "192.0.2.66",
    "X-Original-URL": "/admin/",
    "X-Rewrite-URL": "/admin/",
    "X-HTTP-Method-Override": "DELETE",
    "X-Method-Override": "DELETE",
    "Surrogate-Key": "project/x",
    "Surrogate-Control": "max-age=1",
    "xkey": "project/x",
    "X-Request-Id": "$(reboot)",
    "X-Entrepot-Look": "fetch",
    "X-Entrepot-Lifetime": "1",
    "X-Entrepot-Purged": "1",
    "Proxy": "http://evil.example",
}


@pytest.mark.parametrize(("method", "path"), [("GET", "/simple/forged/"), ("GET", "/manage/"), ("POST", "/legacy/")])
def test_forged_headers_do_not_reach_the_origin(front: Front, method: str, path: str) -> None:
    front.request(method, path, {**FORGED, "Host": "evil.example"})
    asked = front.last()
    assert asked.headers["x-forwarded-for"] == "127.0.0.1"
    assert not {name.lower() for name in FORGED} - {"x-forwarded-for"} & set(asked.headers)
    assert not [value for value in asked.headers.values() if "192.0.2.66" in value]
    assert (asked.headers["host"] == "evil.example") == (path != "/simple/forged/")


def test_a_request_id_in_order_is_handed_on(front: Front) -> None:
    front.request("POST", "/legacy/", {"X-Request-Id": "0123456789abcdef"})
    assert front.last().headers["x-request-id"] == "0123456789abcdef"


def test_a_body_of_a_get_does_not_reach_the_origin(front: Front, page: str) -> None:
    front.answers(lambda _: Reply(200, PAGE, b"page"))
    front.request("GET", page, body=b"fat")
    assert front.last().body == b""


@pytest.mark.parametrize("path", ["/_metrics/", "/_ready/", "/%5fmetrics/", "/_%6detrics/", "//_metrics/", "/_x"])
def test_what_is_for_the_inside_cannot_be_reached(front: Front, path: str) -> None:
    assert front.get(path).status == 404
    assert path not in front.origin.targets()


@pytest.mark.parametrize(("method", "target", "status"), [("TRACE", "/", 405), ("BREW", "/", 405), ("GET", "*", 400)])
def test_what_makes_no_sense_is_refused(front: Front, method: str, target: str, status: int) -> None:
    assert front.request(method, target).status == status


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN])
def test_a_purge_needs_the_token(front: Front, page: str, authorization: str) -> None:
    front.answers(lambda _: Reply(200, PAGE, b"page"))
    front.get(page)
    answer = front.purge("project/x", Authorization=authorization, **{"X-Entrepot-Look": "fetch"})
    assert answer.status == 403
    assert front.get(page).headers["x-cache"] == "hit"
    assert front.origin.targets() == [page]


def test_whoever_guesses_tokens_is_stopped(front: Front) -> None:
    tried = [front.purge("project/x", Authorization=f"Bearer {number}").status for number in range(20)]
    assert tried[-1] == 429
    assert front.purge("project/x").status == 200


def test_uploads_are_handed_on_as_they_come_and_never_twice(front: Front) -> None:
    body = b"x" * 3_000_000
    front.says(503)
    assert front.request("POST", "/legacy/", {"Authorization": "Basic x"}, body).status == 503
    assert [(each.method, each.body == body) for each in front.origin.asked if each.target == "/legacy/"] == [
        ("POST", True)
    ]


def test_ranges_of_what_is_cached(front: Front) -> None:
    path = f"{PACKAGE}/ranges-1.0.tar.gz"
    front.answers(
        lambda _: Reply(200, {"ETag": '"1"', "Cache-Control": "public, max-age=99", "Accept-Ranges": "bytes"}, b"0123")
    )
    assert front.get(path, range="bytes=1-2").body == b"12"
    assert "range" not in front.last().headers
    for asked, status, body in (("bytes=-1", 206, b"3"), ("bytes=9-", 416, b"")):
        answer = front.get(path, range=asked)
        assert (answer.status, answer.body) == (status, body)
    assert front.get(path, range="bytes=1-2", if_range='"1"').status == 206
    assert front.get(path, range="bytes=1-2", if_range='"2"').body == b"0123"
    assert len(front.origin.targets()) == 1


def test_large_files_are_not_kept_but_sent_with_their_ranges(front: Front) -> None:
    path, large = f"{PACKAGE}/large-1.0.tar.gz", b"x" * (8 * 2**20 + 1)
    front.answers(lambda _: Reply(200, {"ETag": '"1"', "Cache-Control": "public, max-age=99"}, large))
    for _ in range(2):
        answer = front.get(path)
        assert (len(answer.body), answer.headers["x-cache"]) == (len(large), "pass")
    front.answers(lambda _: Reply(206, {"Content-Range": f"bytes 0-0/{len(large)}"}, b"x"))
    assert front.get(path, range="bytes=0-0").status == 206
    assert front.last().headers["range"] == "bytes=0-0"


def test_a_304_and_a_head_come_from_the_cache(front: Front, page: str) -> None:
    front.answers(lambda _: Reply(200, {**PAGE, "ETag": '"1"'}, b"page"))
    assert front.request("HEAD", page).headers["content-length"] == "4"
    assert front.get(page, if_none_match='"1"').status == 304
    assert front.get(page, cache_control="no-cache", pragma="no-cache").headers["x-cache"] == "hit"
    assert [each.method for each in front.origin.asked if each.target == page] == ["GET"]
