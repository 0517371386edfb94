"""The conformance suite: Entrepot passes it, and each of its cases finds the fault it looks for."""

import hashlib
import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xmlrpc.client import dumps

import pytest
from axe_playwright_python.sync_playwright import Axe

from archives import forge
from browsing import running_browser, visit
from entrepot.cli.conformance import FORMATS
from entrepot.conformance import asking as asking_module
from entrepot.conformance.asking import Credentials, Reply, Session
from entrepot.conformance.core import Case, Outcome, Verdict
from entrepot.conformance.index import Index
from entrepot.conformance.report import Report
from entrepot.conformance.running import cases_of, run
from entrepot.conformance.uploads import Uploads
from lying import Asked, Forward, Liar, Lie, asking, at, document, each_file, header, lying, status, text, truth
from serving import ENTREPOT, Answer, Server, environment, free_port, serving
from serving import run as run_command
from uploading import authorization, upload

PROJECTS = ("spam", "spam-eggs", "ham", "bacon", "toast")
CASES: Mapping[str, Case] = {case.identifier: case for case in cases_of(())}
LIST, PAGE, ANY_PAGE = "/simple/", "/simple/[^/]+/", "/simple/.*"
WHEEL, SDIST, FILE, SIDECAR = r".*\.whl", r".*\.tar\.gz", r"/packages/.*(\.whl|\.tar\.gz)", r".*\.metadata"
DOCUMENT, RPC, LEGACY = "/pypi/[^/]+/json", "/pypi", "/legacy/"
SECURE = "https://index.example/provenance"
ELSEWHERE = {"location": "/elsewhere/"}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An index with projects in every state, wheels and an sdist."""
    with serving(tmp_path_factory.mktemp("conformance")) as running:
        for name, version in (("Spam", "1.0"), ("Spam", "2.0"), ("Spam.Eggs", "1"), ("ham", "1"), ("bacon", "1")):
            metadata = forge.core_metadata(name, version, "Requires-Python: >=3.8\n")
            publish(running, forge.wheel(name.lower().replace(".", "_"), version, metadata=metadata), name, version)
        publish(running, forge.wheel("toast", "1"), "toast", "1")
        publish(running, forge.sdist("toast", "1"), "toast", "1")
        running.command("yank", "spam", "1.0", "--reason", "It <burns>")
        running.command("status", "ham", "archived", "--reason", "No more")
        running.command("status", "bacon", "quarantined")
        yield running


def publish(server: Server, built: forge.Built, name: str, version: str) -> None:
    assert upload(server, built.filename, built.data, name=name, version=version).status == 200


@pytest.fixture(scope="module")
def liars(index: Server) -> Iterator[Liar]:
    with lying(index) as liar:
        yield liar


@pytest.fixture
def liar(liars: Liar) -> Liar:
    """Somebody who tells the truth about the index, so far."""
    liars.lie = truth
    return liars


def judged(
    liar: Liar, token: str, *cases: str, projects: tuple[str, ...] = PROJECTS
) -> Mapping[str, tuple[Verdict, str]]:
    """The verdict and the sentence of each case, or of all."""
    url = f"{liar.url}/simple/"
    session = Session(url, agent="tests", timeout=10)
    uploads = Uploads(f"{liar.url}/legacy/", session, Credentials("__token__", token))
    asked = [CASES[each] for each in cases] or [*CASES.values()]
    outcomes = [*run(Index(url, session, projects=projects, uploads=uploads), asked)]
    session.close()
    return {each.case.identifier: (each.verdict, each.sentence) for each in outcomes}


def conformance(server: Server, *arguments: str, code: int = 0) -> str:
    """What the command prints about a server."""
    done = run_command(server.data, "conformance", *arguments, check=False)
    assert done.returncode == code, done
    return done.stdout + done.stderr


def test_the_truth_passes(liar: Liar, index: Server) -> None:
    found = judged(liar, index.token)
    assert {name: said for name, (verdict, said) in found.items() if verdict is Verdict.FAILED} == {}
    assert sorted(name for name, (verdict, _said) in found.items() if verdict is Verdict.NOT_OFFERED) == [
        "files.provenance-is-there",
        "html.provenance-is-absolute",
        "html.signature-is-true-or-false",
        "json.namespaces-from-1-5",
        "json.provenance-is-absolute",
        "upload.challenge-is-sent",
    ]


def project(change: Callable[[dict], object], path: str = PAGE) -> Lie:  # type: ignore[type-arg]
    """Changes the JSON of pages that are projects'."""
    return at(path, document(change))


def attribute(told: str) -> Lie:
    """Adds an attribute to each link of projects' pages, in HTML."""
    return at(PAGE, text("<a ", f"<a {told} "))


def twice(value: dict) -> None:  # type: ignore[type-arg]
    value["files"] = value["files"] * 2


def always(answer: Callable[[Answer], Answer]) -> Lie:
    """Changes the answers to what is posted to the address of uploads."""
    return at(LEGACY, answer, "POST")


def unconditional(asked: Asked, forward: Forward) -> Answer:
    """Looks at no conditions and no ranges."""
    plain = {name: value for name, value in asked.headers.items() if not name.startswith("if-")}
    return forward(replace(asked, headers=plain))


def eager(asked: Asked, forward: Forward) -> Answer:
    """Takes every condition for one that holds."""
    return replace(forward(asked), status=304, body=b"") if "if-none-match" in asked.headers else forward(asked)


def same_tag(asked: Asked, forward: Forward) -> Answer:
    return header(etag='"one"')(forward(asked))


def parts_only(change: Callable[[Answer], Answer]) -> Lie:
    """Changes parts of files."""
    return lambda asked, forward: change(forward(asked)) if "range" in asked.headers else forward(asked)


def whole_only(asked: Asked, forward: Forward) -> Answer:
    """Says that it sends parts, and sends all."""
    return forward(replace(asked, headers={name: value for name, value in asked.headers.items() if name != "range"}))


def calls(method: str, answer: str) -> Lie:
    """Answers one method of XML-RPC with this."""

    def lie(asked: Asked, forward: Forward) -> Answer:
        if asked.path == RPC and f"<methodName>{method}<".encode() in asked.body:
            return Answer(200, "OK", {"content-type": "text/xml"}, answer.encode())
        return forward(asked)

    return lie


def value(given: object) -> str:
    return dumps((given,), methodresponse=True, allow_none=True)  # type: ignore[arg-type]


def leaked(asked: Asked, forward: Forward) -> Answer:
    """Refuses what it takes: what was damaged on the way is shown."""
    if asked.method != "POST":
        return forward(asked)
    content = re.search(rb'name="content".*?\r\n\r\n(.*)\r\n--', asked.body, re.DOTALL)
    assert content is not None
    own = hashlib.sha256(content[1]).hexdigest().encode()
    answer = forward(replace(asked, body=re.sub(rb'(?<="sha256_digest"\r\n\r\n)0{64}', own, asked.body)))
    return replace(answer, status=400) if b"0" * 64 in asked.body else answer


def replaced(asked: Asked, forward: Forward) -> Answer:
    """Sends other bytes once somebody has tried to replace a file."""
    answer = forward(asked)
    return replace(answer, body=answer.body + b" ") if asked.path.endswith(".whl") else answer


def html_if_it_has_to(asked: Asked, forward: Forward) -> Answer:
    """Sends JSON to whoever does not ask for HTML by name."""
    accept = asked.headers.get("accept", "*/*")
    wanted = accept if "html" in accept else "application/vnd.pypi.simple.v1+json"
    return forward(replace(asked, headers={**asked.headers, "accept": wanted}))


def picky(asked: Asked, forward: Forward) -> Answer:
    """Takes who says nothing for one who wants nothing."""
    return forward(asked) if "accept" in asked.headers else replace(forward(asked), status=406)


def first_named(asked: Asked, forward: Forward) -> Answer:
    """Looks at no weights."""
    first = asked.headers.get("accept", "*/*").partition(",")[0].partition(";")[0]
    return forward(replace(asked, headers={**asked.headers, "accept": first}))


def literally(asked: Asked, forward: Forward) -> Answer:
    """Names no version to whoever asks for the latest."""
    answer = forward(asked)
    accept = asked.headers.get("accept", "")
    return replace(answer, headers={**answer.headers, "content-type": accept}) if "latest" in accept else answer


def json_by_format(asked: Asked, forward: Forward) -> Answer:
    """Takes every ?format= for JSON."""
    return forward(replace(asked, path=asked.path.replace("text/html", "application/vnd.pypi.simple.v1%2Bjson")))


def with_provenance(asked: Asked, forward: Forward) -> Answer:
    """Names a provenance that is a page of another kind."""
    given = f"http://{asked.headers['host']}/pypi/spam/json"
    return at(PAGE, each_file(provenance=given))(asked, forward)


def no_changes(asked: Asked, forward: Forward) -> Answer:
    """Does not know who asks for changes."""
    known = asked.body.replace(b"changelog_since_serial", b"changelog_no_longer")
    return forward(replace(asked, body=known, headers={**asked.headers, "content-length": str(len(known))}))


def only_once() -> Lie:
    """Refuses what comes again."""
    seen: set[str] = set()

    def lie(asked: Asked, forward: Forward) -> Answer:
        name = "".join(re.findall(r'filename="([^"]+)"', asked.body.decode("latin-1")))
        again = name in seen
        seen.update([name] if name else [])
        return replace(forward(asked), status=400) if again else forward(asked)

    return lie


LIES: list[tuple[str, Lie]] = [
    ("names.list-is-there", at(LIST, status(503))),
    ("names.listed-is-there", at(PAGE, status(404))),
    ("names.slash-is-added", at("/simple/[^/]+", status(200))),
    ("names.slash-is-added", at("/simple/[^/]+", header(**ELSEWHERE))),
    ("names.other-spelling-leads-home", at("/simple/[A-Z_]+/", status(500))),
    ("names.other-spelling-leads-home", at("/simple/[A-Z_]+/", header(location="/simple/ham/"))),
    ("names.unknown-is-404", at("/simple/no-.*", status(200))),
    ("names.list-without-slash", at("/simple", status(404))),
    ("html.is-html5", at(PAGE, text("<!DOCTYPE html>", ""))),
    ("html.list-names-projects", at(LIST, text('href="spam/"', 'href="Spam"'))),
    ("html.file-once", at(PAGE, text("(<a .*<br>)", r"\1\1"))),
    ("html.text-is-filename", at(PAGE, text("whl</a>", "whl (new)</a>"))),
    ("html.hash-is-told", at(PAGE, text("#sha256=[0-9a-f]+", ""))),
    ("html.hash-is-understood", at(PAGE, text("#sha256=", "#sha1="))),
    ("html.hash-is-understood", at(PAGE, text("#sha256=", "#sha256=ab"))),
    ("html.hash-is-understood", at(PAGE, text("#sha256=", "#egg="))),
    ("html.requires-python-is-escaped", at(PAGE, text("&gt;", ">"))),
    ("html.requires-python-is-valid", at(PAGE, text("&gt;=3.8", "three"))),
    ("html.metadata-by-its-name", at(PAGE, text("data-core-metadata", "data-other"))),
    ("html.metadata-by-its-name", at(PAGE, text("data-dist-info-metadata=.sha256=", "data-dist-info-metadata='"))),
    ("html.metadata-value", at(PAGE, text('data-core-metadata="[^"]*"', 'data-core-metadata="false"'))),
    ("html.metadata-value", at(PAGE, text('data-core-metadata="sha256', 'data-core-metadata="shake256'))),
    ("html.metadata-value", at(PAGE, text('data-core-metadata="sha256', 'data-core-metadata="nothing'))),
    ("html.yanked-has-a-value", at(PAGE, text('data-yanked="[^"]*"', "data-yanked"))),
    ("html.signature-is-true-or-false", attribute('data-gpg-sig="maybe"')),
    ("html.provenance-is-absolute", attribute('data-provenance="../provenance"')),
    ("html.version-is-told", at(PAGE, text("pypi:repository-version", "version"))),
    ("html.version-is-known", at(PAGE, text('version" content="1', 'version" content="2'))),
    ("html.link-is-plain", at(PAGE, text("(<a [^>]*>)([^<]*)", r"\1<b>\2</b>"))),
    ("json.is-object-with-version", project(lambda page: page.update(meta={"api-version": 1.4}))),
    ("json.is-object-with-version", at(PAGE, text("^", "oops"))),
    ("json.is-object-with-version", at(PAGE, text("(?s)(.+)", r"[\1]"))),
    ("json.list-names-projects", project(lambda page: page.update(projects={}), LIST)),
    ("json.list-names-projects", project(lambda page: page["projects"].append({"name": "-spam"}), LIST)),
    ("json.project-once", project(lambda page: page["projects"].append({"name": "SPAM"}), LIST)),
    ("json.name-is-normalized", project(lambda page: page.update(name="Spam"))),
    ("json.file-has-what-it-needs", project(lambda page: page.pop("files"))),
    ("json.file-has-what-it-needs", at(PAGE, each_file(url=...))),
    ("json.file-has-what-it-needs", at(PAGE, each_file(hashes={"sha256": None}))),
    ("json.file-once", project(twice)),
    ("json.optional-keys-have-their-shape", at(PAGE, each_file(yanked=""))),
    ("json.optional-keys-have-their-shape", at(PAGE, each_file(core_metadata={}))),
    ("json.optional-keys-have-their-shape", at(PAGE, each_file(gpg_sig="true"))),
    ("json.nothing-is-null", at(PAGE, each_file(size=None))),
    ("json.nothing-is-null", project(lambda page: page.update({"project-status": None}))),
    ("json.hash-is-secure", at(PAGE, each_file(hashes={"md5": "0" * 32}))),
    ("json.hash-is-a-hash", at(PAGE, each_file(hashes={"sha256": "AB"}))),
    ("json.size-is-told", at(PAGE, each_file(size=...))),
    ("json.size-is-told", at(PAGE, each_file(size=True))),
    ("json.versions-are-told", project(lambda page: page.pop("versions"))),
    ("json.versions-are-told", project(lambda page: page.update(versions=["1", "1"]))),
    ("json.versions-are-told", project(lambda page: page.update(versions=[]))),
    ("json.upload-time-is-utc", at(PAGE, each_file(upload_time="2026-11-20T09:08:07+00:00"))),
    ("json.upload-time-is-utc", at(PAGE, each_file(upload_time="2026-02-30T09:08:07Z"))),
    ("json.requires-python-is-valid", at(PAGE, each_file(requires_python="&gt;=3.8"))),
    ("json.metadata-by-its-name", at(PAGE, each_file(dist_info_metadata=True))),
    ("json.provenance-is-absolute", at(PAGE, each_file(provenance="/provenance"))),
    ("json.namespaces-from-1-5", project(lambda page: page.update(namespaces=None))),
    (
        "json.namespaces-from-1-5",
        project(lambda page: page.update(namespaces={}, meta={"api-version": "1.5"})),
    ),
    ("json.url-ends-in-filename", at(PAGE, each_file(url="../../download?id=7"))),
    ("json.says-what-html-says", project(lambda page: page["files"].clear())),
    ("json.says-what-html-says", at(PAGE, each_file(hashes={"sha256": "0" * 64}))),
    ("negotiation.type-is-told", at(PAGE, header(content_type="text/plain"))),
    ("negotiation.only-what-is-accepted", asking(accept="application/vnd.pypi.simple.v1+json")),
    ("negotiation.clients-get-pages", at(LIST, header(content_type="application/json"))),
    ("negotiation.without-accept", picky),
    ("negotiation.html-for-everybody-else", html_if_it_has_to),
    (
        "negotiation.json-type-is-exact",
        at(LIST, header(content_type="application/vnd.pypi.simple.v1+json; charset=utf-8")),
    ),
    ("negotiation.weights-are-weighed", first_named),
    ("negotiation.latest-is-resolved", literally),
    ("negotiation.unacceptable-is-no-fault", at(LIST, status(500, 406))),
    ("negotiation.format-in-the-address", json_by_format),
    ("negotiation.vary-names-accept", at(LIST, header(vary="Accept-Encoding"))),
    ("status.json-marker", project(lambda page: page.update({"project-status": {"state": "active"}}))),
    ("status.json-marker", project(lambda page: page.update({"project-status": {"status": "active", "reason": 1}}))),
    ("status.html-marker", at(PAGE, text('status" content="', 'status" content="very '))),
    ("status.forms-agree", at(PAGE, text('content="archived', 'content="deprecated'))),
    ("status.quarantined-offers-nothing", project(lambda page: page["files"].append({}))),
    ("files.is-there", at(FILE, status(404))),
    ("files.has-its-hash", at(FILE, text("$", " "))),
    ("files.has-its-size", at(PAGE, each_file(size=17))),
    ("files.name-is-of-its-project", at(PAGE, each_file(filename="eggs-1.0-py3-none-any.whl"))),
    ("files.name-is-of-its-project", at(PAGE, each_file(filename="spam.tar.gz"))),
    ("files.is-not-encoded", at(FILE, header(content_encoding="unknown"))),
    ("files.head-tells-the-size", at(FILE, status(405), "HEAD")),
    ("files.head-tells-the-size", at(FILE, header(content_length="3"), "HEAD")),
    ("files.part-is-the-part", whole_only),
    ("files.part-is-the-part", parts_only(header(content_range="bytes 0-9/10"))),
    ("files.part-is-the-part", parts_only(text("^.", ""))),
    ("files.last-bytes", parts_only(status(416))),
    ("files.resumed", at(FILE, header(etag='W/"weak"'))),
    ("files.resumed", whole_only),
    ("files.changed-is-sent-whole", unconditional),
    ("files.outside-is-416", whole_only),
    ("files.outside-is-416", parts_only(header(content_range=""))),
    ("files.provenance-is-there", with_provenance),
    ("metadata.is-there", at(SIDECAR, status(404))),
    ("metadata.hash-is-told", at(PAGE, each_file(core_metadata=True))),
    ("metadata.has-its-hash", at(SIDECAR, text("$", "\n"))),
    ("metadata.is-what-the-wheel-holds", at(SIDECAR, text("Name", "name"))),
    ("metadata.is-what-the-wheel-holds", at(WHEEL, text("PK", "KP"))),
    ("metadata.page-tells-requires-python", at(PAGE, each_file(requires_python=">=3.9"))),
    ("metadata.page-tells-requires-python", at(PAGE, each_file(requires_python="three"))),
    ("caching.page-can-be-asked-again", at(PAGE, header(etag=""))),
    ("caching.tag-is-strong", at(PAGE, header(etag='W/"one"'))),
    ("caching.tag-is-quoted", at(PAGE, header(etag="one"))),
    ("caching.unchanged-is-304", unconditional),
    ("caching.changed-is-sent", eager),
    ("caching.each-form-has-its-own-tag", same_tag),
    ("caching.head-is-like-get", at(PAGE, status(405), "HEAD")),
    ("caching.page-is-not-kept-long", at(PAGE, header(cache_control="public, max-age=86400"))),
    ("caching.file-can-be-kept", at(FILE, header(etag="", cache_control=""))),
    ("json-api.has-its-parts", at(DOCUMENT, header(content_type="text/html"))),
    ("json-api.has-its-parts", at(DOCUMENT, document(lambda found: found.pop("releases")))),
    ("json-api.has-its-parts", at(DOCUMENT, document(lambda found: found.update(last_serial="7")))),
    ("json-api.tells-of-the-release", at(DOCUMENT, document(lambda found: found["info"].pop("yanked")))),
    ("json-api.tells-of-the-release", at(DOCUMENT, document(lambda found: found["info"].update(name="x")))),
    ("json-api.tells-of-files", at(DOCUMENT, document(lambda found: found["urls"][0].pop("size")))),
    ("json-api.times-have-their-form", at(DOCUMENT, text(r'(upload_time":"[^"]+)"', r'\1Z"'))),
    ("json-api.agrees-with-the-page", at(DOCUMENT, text('sha256":"....', 'sha256":"oops'))),
    ("json-api.serial-is-told", at(DOCUMENT, header(x_pypi_last_serial=""))),
    ("json-api.release-has-its-own", at("/pypi/[^/]+/[^/]+/json", status(404))),
    ("json-api.release-has-its-own", at("/pypi/[^/]+/[^/]+/json", document(lambda found: found.update(releases={})))),
    ("json-api.unknown-is-404", at("/pypi/no-.*", status(200))),
    ("json-api.files-are-below-packages", at(DOCUMENT, text("/packages/", "/files/"))),
    ("serials.every-project-has-one", project(lambda page: page["projects"][0].pop("_last-serial"), LIST)),
    ("serials.page-is-not-older-than-the-list", at(PAGE, header(x_pypi_last_serial="1"))),
    (
        "serials.page-is-not-older-than-the-list",
        project(lambda page: [each.update({"_last-serial": 1 << 30}) for each in page["projects"]], LIST),
    ),
    ("serials.rpc-last-serial", calls("changelog_last_serial", value("seven"))),
    ("serials.rpc-last-serial", calls("changelog_last_serial", "nonsense")),
    ("serials.rpc-last-serial", calls("changelog_last_serial", "<!DOCTYPE a><a/>")),
    ("serials.rpc-projects", calls("list_packages_with_serial", value({"spam": 1 << 30}))),
    ("serials.rpc-changes", calls("changelog_since_serial", value([["spam", "1.0"]]))),
    (
        "serials.rpc-changes",
        calls("changelog_since_serial", value([["spam", "1.0", 1, "create", each] for each in (9, 8)])),
    ),
    ("serials.rpc-changes", no_changes),
    ("serials.rpc-fault", calls("no_such_method", value(1))),
    ("upload.wheel-is-taken", always(status(500))),
    ("upload.sdist-is-taken", always(status(400))),
    ("upload.shown-at-once", project(lambda page: page["files"].clear(), "/simple/entrepot-.*")),
    ("upload.shown-with-its-hash", at(PAGE, each_file(hashes={"sha256": "0" * 64}))),
    ("upload.same-bytes-come-back", at(FILE, text("$", " "))),
    ("upload.requires-python-is-shown", at(PAGE, each_file(requires_python=">=3.9"))),
    ("upload.metadata-is-its-own", at(SIDECAR, text("Name", "name"))),
    ("upload.same-again-is-fine", only_once()),
    ("upload.other-bytes-are-refused", always(status(200, 400))),
    ("upload.other-bytes-are-refused", replaced),
    ("upload.duplicate-is-told", always(text("already exists", "is there"))),
    ("upload.wrong-hash-is-refused", always(status(200, 400))),
    ("upload.wrong-hash-is-refused", leaked),
    ("upload.other-projects-file-is-refused", always(status(200, 400))),
    ("upload.other-versions-file-is-refused", always(status(500, 400))),
    ("upload.broken-wheel-is-refused", always(status(200, 400))),
    ("upload.broken-sdist-is-refused", always(status(500, 400))),
    ("upload.unknown-metadata-version-is-refused", always(status(200, 400))),
    ("upload.incomplete-form-is-refused", always(status(500, 400))),
    ("upload.form-without-a-file-is-refused", always(status(200, 400))),
    ("upload.refusal-says-why", always(text("(?s).*", ""))),
    ("upload.nobody-is-refused", always(status(200, 403))),
    ("upload.challenge-is-sent", always(status(401, 403))),
    ("upload.redirect-keeps-the-method", at("/legacy", status(301), "POST")),
    ("upload.redirect-keeps-the-method", at("/legacy", status(500), "POST")),
    ("upload.get-is-405", at(LEGACY, status(404))),
    ("upload.get-is-405", at(LEGACY, header(allow=""))),
    ("upload.upload-to-pages-is-405", at(LIST, status(403), "POST")),
]


@pytest.mark.parametrize(("case", "lie"), LIES, ids=[f"{number}-{case}" for number, (case, _lie) in enumerate(LIES)])
def test_a_lie_is_found_out(liar: Liar, index: Server, case: str, lie: Lie) -> None:
    liar.lie = lie
    verdict, sentence = judged(liar, index.token, case)[case]
    assert verdict is Verdict.FAILED
    assert len(sentence) > 10


def test_there_is_a_lie_for_each_case() -> None:
    assert {case for case, _lie in LIES} == CASES.keys()


def no_latest(asked: Asked, forward: Forward) -> Answer:
    """Sends HTML to whoever asks for the latest version."""
    latest = "latest" in asked.headers.get("accept", "")
    return asking(accept="text/html")(asked, forward) if latest else forward(asked)


def without_query(asked: Asked, forward: Forward) -> Answer:
    return forward(replace(asked, path=asked.path.partition("?")[0]))


def weak(answer: Answer) -> Answer:
    return replace(answer, headers={**answer.headers, "etag": f"W/{answer.headers.get('etag')}"})


def for_members(asked: Asked, forward: Forward) -> Answer:
    """Shows nobody anything without credentials."""
    answer = forward(asked)
    challenged = header(www_authenticate="Basic")(replace(answer, status=401))
    return answer if "authorization" in asked.headers else challenged


WITHOUT: list[tuple[str, Lie]] = [
    ("html.is-html5", asking(accept="application/vnd.pypi.simple.v1+json")),
    ("json.is-object-with-version", asking(accept="text/html")),
    ("html.yanked-has-a-value", at(PAGE, text('data-yanked="[^"]*"', ""))),
    ("html.metadata-by-its-name", at(PAGE, text("data-(core|dist-info)-metadata", "data-other"))),
    ("html.version-is-known", at(ANY_PAGE, text("pypi:repository-version", "version"))),
    ("json.size-is-told", project(lambda page: page.update(meta={"api-version": "1.0"}))),
    ("json.versions-are-told", project(lambda page: page.update(meta={}))),
    ("negotiation.latest-is-resolved", no_latest),
    ("negotiation.format-in-the-address", without_query),
    ("status.json-marker", project(lambda page: page.pop("project-status", None))),
    ("files.part-is-the-part", at(FILE, header(accept_ranges=""))),
    ("files.is-there", project(lambda page: page["files"].clear())),
    ("files.has-its-hash", at(FILE, status(404))),
    ("files.has-its-size", at(PAGE, each_file(size=...))),
    ("files.name-is-of-its-project", at(PAGE, each_file(filename="spam-1.0.zip"))),
    ("files.resumed", at(FILE, header(etag=""))),
    ("metadata.is-there", at(PAGE, each_file(core_metadata=False))),
    ("caching.each-form-has-its-own-tag", at(PAGE, header(etag=""))),
    ("json-api.has-its-parts", at(DOCUMENT, status(404))),
    ("serials.every-project-has-one", project(lambda page: [each.clear() for each in page["projects"]], LIST)),
    ("serials.page-is-not-older-than-the-list", at(PAGE, header(x_pypi_last_serial=""))),
    ("serials.rpc-last-serial", at(RPC, status(404), "POST")),
    ("upload.get-is-405", at(LEGACY, status(200))),
    ("upload.shown-with-its-hash", at("/simple/entrepot-.*", status(404))),
]


@pytest.mark.parametrize(("case", "lie"), WITHOUT, ids=[case for case, _lie in WITHOUT])
def test_what_is_not_there_is_not_wrong(liar: Liar, index: Server, case: str, lie: Lie) -> None:
    liar.lie = lie
    assert judged(liar, index.token, case)[case][0] is Verdict.NOT_OFFERED


ODD: list[tuple[str, Lie]] = [
    ("json.versions-are-told", at(PAGE, each_file(filename="spam.exe"))),
    ("files.has-its-hash", at(PAGE, each_file(hashes={"own": "abc", "shake_128": "00"}))),
    ("upload.challenge-is-sent", always(lambda answer: header(www_authenticate="Basic")(status(401, 403)(answer)))),
]


@pytest.mark.parametrize(("case", "lie"), ODD, ids=[case for case, _lie in ODD])
def test_what_is_odd_may_be_right(liar: Liar, index: Server, case: str, lie: Lie) -> None:
    liar.lie = lie
    assert judged(liar, index.token, case)[case][0] is Verdict.PASSED


def test_provenance_and_namespaces_that_are_right(liar: Liar, index: Server) -> None:
    liar.lie = well_provided
    html = ("html.provenance-is-absolute", "html.signature-is-true-or-false")
    cases = (*html, "json.provenance-is-absolute", "json.namespaces-from-1-5")
    assert {verdict for verdict, _said in judged(liar, index.token, *cases).values()} == {Verdict.PASSED}
    liar.lie = provided_here
    assert judged(liar, index.token, "files.provenance-is-there")["files.provenance-is-there"][0] is Verdict.PASSED


def well_provided(asked: Asked, forward: Forward) -> Answer:
    """Has all that Entrepot has not."""
    answer = attribute(f'data-gpg-sig="true" data-provenance="{SECURE}"')(asked, forward)
    answer = each_file(provenance=SECURE)(answer)
    return document(lambda page: page.update(namespaces=[], meta={"api-version": "1.5"}))(answer)


def provided_here(asked: Asked, forward: Forward) -> Answer:
    """Has provenance at an address that can be asked."""
    if asked.path == "/provenance":
        found = {"version": 1, "attestation_bundles": []}
        return Answer(200, "OK", {"content-type": "application/json"}, json.dumps(found).encode())
    return at(PAGE, each_file(provenance=f"http://{asked.headers['host']}/provenance"))(asked, forward)


def test_an_index_that_knows_html_only_conforms(liar: Liar, index: Server) -> None:
    liar.lie = asking(accept="text/html")
    assert failed(judged(liar, index.token, projects=())) == {}


def test_an_empty_index_conforms(liar: Liar, index: Server) -> None:
    liar.lie = at(ANY_PAGE, empty)
    found = judged(liar, index.token, *(case for case in CASES if not case.startswith("upload.")), projects=())
    assert failed(found) == {}
    assert found["files.is-there"] == (Verdict.NOT_OFFERED, "There is no file to look at.")


def empty(answer: Answer) -> Answer:
    """The same page with nothing in it."""
    answer = document(lambda page: page.update(projects=[]))(answer)
    return answer if "json" in answer.headers.get("content-type", "") else text("<a .*", "")(answer)


def failed(found: Mapping[str, tuple[Verdict, str]]) -> Mapping[str, str]:
    return {case: sentence for case, (verdict, sentence) in found.items() if verdict is Verdict.FAILED}


def test_an_odd_page_is_read(liar: Liar, index: Server) -> None:
    """<base>, links without an address, apostrophes: HTML all the same."""
    odd = """<base href="/simple/spam/"><a name="top">top</a><a data-requires-python='>=3'"""
    liar.lie = at(PAGE, text("(?s)<h1>.*?<a", f"{odd} "))
    found = judged(liar, index.token, "html.requires-python-is-escaped", "html.text-is-filename", projects=("spam",))
    assert failed(found).keys() == {"html.requires-python-is-escaped"}


def test_the_report_as_text(index: Server) -> None:
    told = conformance(index, f"{index.url}/simple/")
    assert "0 failed" in told
    assert re.search(r"Looked at: (\S+, ){4}\S+\.", told)
    assert "stay in the index" not in told
    assert re.fullmatch(r"\d+ passed, 0 failed, \d+ not offered\.", told.splitlines()[-1])


def test_the_report_as_json_with_uploads(index: Server, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    arguments = ("--upload", f"{index.url}/legacy/", "--username", "__token__", "--password-stdin")
    done = run_command(
        index.data,
        *("conformance", f"{index.url}/simple", "--project", "Spam", *arguments),
        *("--format", "json", "--output", str(report)),
        stdin=f"{index.token}\n",
    )
    assert (done.stdout, index.token in report.read_text()) == ("", False)
    found = json.loads(report.read_text())
    assert (found["schema"], found["conforms"], found["projects"]) == (1, True, ["spam"])
    assert re.fullmatch(r"(entrepot-conformance-[0-9a-f]{8}): \S+\.whl, \S+\.tar\.gz", found["left"])
    assert {each["verdict"] for each in found["cases"]} == {"passed", "not offered"}
    by_id = {each["id"]: each for each in found["cases"]}
    assert by_id["upload.wheel-is-taken"]["verdict"] == "passed"
    assert by_id["html.is-html5"] == {
        "id": "html.is-html5",
        "area": "html",
        "level": "must",
        "clause": "PEP 503, Specification",
        "clause-url": "https://peps.python.org/pep-0503/",
        "asks": "Pages are HTML5 documents: they begin with the document type.",
        "verdict": "passed",
        "sentence": "",
    }


def test_the_report_as_a_page(liar: Liar, index: Server, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    liar.lie = at(PAGE, text("whl</a>", "&lt;script&gt;whl</a>"))
    conformance(index, f"{liar.url}/simple/", "--format", "html", "--output", str(report), code=1)
    page = report.read_text()
    assert "<script" not in page
    assert "src=" not in page
    with running_browser() as browser, visit(browser, report.as_uri()) as shown:
        assert Axe().run(shown).response["violations"] == []
        shown.set_viewport_size({"width": 320, "height": 800})
        assert shown.evaluate("document.documentElement.scrollWidth <= 320")
        assert shown.locator("h2").all_inner_texts() == ["Failed", "All cases"]
        assert "html.text-is-filename" in shown.locator("table").first.inner_text()
        assert shown.get_by_role("link", name="PEP 503, Specification").first.is_visible()


def test_what_decides_the_exit_code(liar: Liar, index: Server) -> None:
    liar.lie = at(PAGE, text("whl</a>", "whl (new)</a>"))
    told = conformance(index, f"{liar.url}/simple/", "--only", "html", code=1)
    assert "FAILED html.text-is-filename (must; PEP 503, Specification)" in told
    liar.lie = at(PAGE, weak)
    told = conformance(index, f"{liar.url}/simple/", "--only", "caching", "--only", "names")
    assert "FAILED caching.tag-is-strong (clients; Relied on, by uv)" in told
    assert "1 failed (1 relied on by clients)" in told


def test_an_index_that_cannot_be_reached(index: Server) -> None:
    told = conformance(index, f"http://127.0.0.1:{free_port()}/simple/", code=2)
    assert "has no answer: ConnectError" in told
    for wrong in ("index.example/simple/", "ftp://index.example/", "https://alice:secret@index.example/simple/"):
        assert "without user and password" in conformance(index, wrong, code=2)


def test_a_name_needs_a_password(index: Server) -> None:
    told = conformance(index, f"{index.url}/simple/", "--username", "alice", code=2)
    assert "A name needs a password, and a password a name." in told


def test_one_project_that_is_missing_hides_no_other(liar: Liar, index: Server) -> None:
    liar.lie = at("/simple/spam/", status(404))
    cases = ("names.listed-is-there", "html.text-is-filename", "json.name-is-normalized", "files.has-its-hash")
    assert [verdict for verdict, _said in judged(liar, index.token, *cases).values()] == [Verdict.FAILED] + [
        Verdict.PASSED
    ] * 3


def test_an_index_that_shows_nobody_anything(liar: Liar, index: Server) -> None:
    liar.lie = for_members
    assert "FAILED names.list-is-there" in conformance(index, f"{liar.url}/simple/", code=1)
    environ = {"ENTREPOT_CONFORMANCE_USERNAME": "__token__", "ENTREPOT_CONFORMANCE_PASSWORD": index.token}
    uploads = ("--upload", f"{liar.url}/legacy/", "--only", "html", "--only", "upload")
    command = [*ENTREPOT, "conformance", f"{liar.url}/simple/", *uploads]
    told = subprocess.run(command, env=environment(**environ), capture_output=True, text=True, check=True).stdout
    assert ", 0 failed" in told
    assert index.token not in told


def test_answers_without_end(liar: Liar, index: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    liar.lie = lambda asked, _forward: Answer(301, "Moved", {"location": asked.path}, b"")
    assert "more than 5 times" in judged(liar, index.token, "names.list-is-there")["names.list-is-there"][1]
    liar.lie = truth
    monkeypatch.setattr(asking_module, "LARGEST", 100)
    assert "more than" in judged(liar, index.token, "names.list-is-there")["names.list-is-there"][1]


def test_whoever_refuses_everything_is_not_praised_for_it(liar: Liar) -> None:
    told = judged(
        liar,
        "wrong",
        "upload.wheel-is-taken",
        "upload.broken-wheel-is-refused",
        "upload.form-without-a-file-is-refused",
    )
    assert [verdict for verdict, _said in told.values()] == [Verdict.FAILED, *[Verdict.NOT_OFFERED] * 2]


def test_what_an_index_says_does_nothing_to_a_terminal() -> None:
    outcome = Outcome(CASES["upload.wheel-is-taken"], Verdict.FAILED, "It answers 400: \x1b[2J")
    told = FORMATS["text"](Report("https://index.example/simple/", datetime.now(UTC), ["\x1b[2J"], "", [outcome]))
    assert told.count("⟨U+001B⟩[2J") == 2
    assert "\x1b" not in told


def test_json_without_bottom_is_none() -> None:
    assert Reply("", 200, {}, b"[" * 200_000).json is None


def test_whoever_takes_uploads_from_anybody(index: Server, liar: Liar) -> None:
    liar.lie = lambda asked, forward: forward(with_token(asked, index.token))
    url = f"{liar.url}/simple/"
    session = Session(url, agent="tests", timeout=10)
    uploads = Uploads(f"{liar.url}/legacy/", session, None)
    cases = [CASES["upload.wheel-is-taken"], CASES["upload.nobody-is-refused"]]
    found = [each.verdict for each in run(Index(url, session, uploads=uploads), cases)]
    session.close()
    assert found == [Verdict.PASSED, Verdict.NOT_OFFERED]


def with_token(asked: Asked, token: str) -> Asked:
    return replace(asked, headers={**asked.headers, "authorization": authorization(token)["Authorization"]})
