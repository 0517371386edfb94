"""The index in a test: what real clients make of it when all is well, and when it goes wrong on order."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from http.client import HTTPConnection, IncompleteRead
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import entrepot.testing
from archives.forge import wheel as forged
from clients import Machine, Outcome
from entrepot.pytest_plugin import package_index
from entrepot.refusal import Missing, Refused
from entrepot.testing import Index, Package
from serving import Answer, request
from uploading import form

__all__ = ["package_index"]

ROOT = Path(__file__).parent.parent
JSON = "application/vnd.pypi.simple.v1+json"
WHEEL = "demo-1.0-py3-none-any.whl"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "home")


@pytest.fixture
def index(package_index: Index) -> Index:
    """One with the project `demo`, that has a wheel of version 1.0."""
    assert package_index.add("demo", "1.0") == WHEEL
    return package_index


def get(index: Index, path: str, method: str = "GET", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return request(method, urlsplit(index.base_url).netloc, path, b"", named)


def page(index: Index, project: str = "demo") -> dict:  # type: ignore[type-arg]
    return get(index, f"/simple/{project}/", accept=JSON).json()


def url_path(index: Index, filename: str = WHEEL) -> str:
    """The path of the URL of a file, as the page says it."""
    file = next(each for each in page(index)["files"] if each["filename"] == filename)
    return str(file["url"]).removeprefix("../..")


def paths(index: Index) -> list[str]:
    """What was asked for, with the filenames alone."""
    return [each.path if each.path.endswith("/") else each.path.rpartition("/")[2] for each in index.requests]


def pip(machine: Machine, index: Index, *arguments: str, url: str = "") -> Outcome:
    """Install into the folder `site`, without retries that take long."""
    options = ("--target", str(machine.home / "site"), "--index-url", url or index.url, "--retries", "1")
    return machine.run("pip", "install", *options, *arguments)


def uv(machine: Machine, index: Index, *arguments: str, url: str = "") -> Outcome:
    """Install into the folder `site`."""
    options = ("--target", str(machine.home / "site"), "--default-index", url or index.url)
    return machine.run("uv", "pip", "install", *options, *arguments)


def installed(machine: Machine) -> set[str]:
    """What lies in the folder `site`, with versions."""
    return {each.stem for each in (machine.home / "site").glob("*.dist-info")}


BOTH = pytest.mark.parametrize("install", [pip, uv])


@BOTH
def test_what_was_added_is_installed_with_what_it_requires(install, index: Index, machine: Machine) -> None:  # type: ignore[no-untyped-def]
    index.add(
        "Tool.Box",
        "2.0",
        requires=["demo>=1"],
        extras={"more": ["extra; python_version > '3'", "other"]},
        requires_python=">=3.9",
        files={"toolbox.py": "def main(): print('done')", "data.bin": b"\0"},
        scripts={"toolbox": "toolbox:main"},
    )
    index.add("tool-box", "3.0", requires_python=">=99")
    index.add("extra")
    index.add("other")
    install(machine, index, "tool-box[more]").succeeded()
    assert installed(machine) == {"tool_box-2.0", "demo-1.0", "extra-1.0", "other-1.0"}
    assert (machine.home / "site" / "data.bin").read_bytes() == b"\0"
    command = [machine.home / "site" / "bin" / "toolbox"]
    done = subprocess.run(
        command, env={"PYTHONPATH": str(machine.home / "site")}, stdout=subprocess.PIPE, text=True, check=True
    )
    assert done.stdout == "done\n"
    assert {each.status for each in index.requests} <= {200, 206}
    assert paths(index)[0] == "/simple/tool-box/"


@BOTH
def test_an_sdist_is_built_without_a_network(install, package_index: Index, machine: Machine) -> None:  # type: ignore[no-untyped-def]
    assert package_index.add_sdist("demo", "1.0", scripts={"demo": "demo:main"}) == "demo-1.0.tar.gz"
    install(machine, package_index, "demo").succeeded()
    assert installed(machine) == {"demo-1.0"}
    assert "__version__ = '1.0'" in (machine.home / "site" / "demo.py").read_text()


def test_packages_are_the_same_bytes_each_time() -> None:
    package = Package("demo", requires=["other"])
    assert package.sdist() == package.sdist()
    assert package.wheel("cp311.cp312-abi3-manylinux_2_28_x86_64") == package.wheel(
        "cp311.cp312-abi3-manylinux_2_28_x86_64"
    )


def test_real_files_are_published_and_odd_ones_refused(package_index: Index, tmp_path: Path) -> None:
    built = forged()
    path = tmp_path / built.filename
    path.write_bytes(built.data)
    then = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert package_index.publish(path, upload_time=then) == built.filename
    assert package_index.publish(built.data, built.filename) == built.filename  # the very same once more
    assert package_index.filenames("Demo") == (built.filename,)
    file = page(package_index)["files"][0]
    assert file["upload-time"] == "2020-01-02T03:04:05.000000Z"
    assert file["hashes"]["sha256"] == hashlib.sha256(built.data).hexdigest()
    assert get(package_index, url_path(package_index, built.filename)).body == built.data
    with pytest.raises(Refused) as refused:
        package_index.publish(built.data[:-1], "demo-2.0-py3-none-any.whl")
    assert refused.value.code == "zip-end"
    with pytest.raises(Refused, match="File already exists"):
        package_index.place(b"other", built.filename)


def test_any_bytes_can_be_placed(package_index: Index, machine: Machine) -> None:
    package_index.place(b"no zip", WHEEL, requires_python=">=3.9")
    assert page(package_index)["files"][0]["core-metadata"] is False
    uv(machine, package_index, "demo").failed()
    package_index.remove("demo")
    package_index.place(b"no zip", WHEEL, metadata=b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n")
    assert get(package_index, f"{url_path(package_index)}.metadata").text.endswith("Version: 1.0\n")


def test_old_spellings_can_be_placed(package_index: Index, machine: Machine) -> None:
    built = Package("demo").wheel()
    package_index.place(built.content, "Demo-1.0-py3-none-any.whl", project="Demo")
    package_index.place(b"old", "Demo-0.9.zip", project="Demo")
    assert page(package_index)["versions"] == ["0.9", "1.0"]
    with package_index.wrong_hash("Demo-0.9.zip"), package_index.fail(500, "Demo-0.9.zip"):
        pip(machine, package_index, "demo").succeeded()
        assert get(package_index, url_path(package_index, "Demo-0.9.zip")).status == 500
    with pytest.raises(Refused) as refused:
        package_index.place(b"old", "Demo-0.9.zip")
    assert refused.value.code == "invalid-filename"


def test_yanked_deprecated_quarantined_removed(index: Index, machine: Machine) -> None:
    index.add("demo", "1.1")
    index.add_sdist("demo", "1.1")
    path = url_path(index)
    index.yank("demo", "1.1", "broken")
    assert {each["yanked"] for each in page(index)["files"]} == {False, "broken"}
    uv(machine, index, "demo").succeeded()
    assert installed(machine) == {"demo-1.0"}
    index.unyank("demo", "1.1", filename="demo-1.1.tar.gz")
    assert [each["filename"] for each in page(index)["files"] if each["yanked"]] == ["demo-1.1-py3-none-any.whl"]
    index.status("demo", "deprecated", "use other")
    assert page(index)["project-status"] == {"status": "deprecated", "reason": "use other"}
    index.status("demo", "quarantined")
    assert page(index)["files"] == []
    assert get(index, path).status == 404
    assert get(index, "/simple/", accept=JSON).json()["projects"] == []
    index.status("demo", "active")
    assert get(index, path).status == 200
    index.remove("demo", "1.1", filename="demo-1.1.tar.gz")
    index.remove("demo", "1.1")
    assert page(index)["versions"] == ["1.0"]
    index.remove("demo")
    assert [get(index, each).status for each in ("/simple/demo/", path)] == [404, 404]
    assert index.filenames("demo") == ()
    index.add("demo")
    assert [get(index, each).status for each in ("/simple/demo/", path)] == [200, 200]


def test_what_is_not_there_cannot_be_changed_or_go_wrong(index: Index) -> None:
    index.add_sdist("other")
    wrong: dict[str, list[Callable[[], object]]] = {
        "no-such-project": [lambda: index.yank("missing", "1.0"), lambda: index.fail(503, "missing")],
        "no-such-release": [lambda: index.yank("demo", "7"), lambda: index.remove("demo", "7")],
        "no-such-file": [
            lambda: index.yank("demo", "1.0", filename="demo-1.0.tar.gz"),
            lambda: index.wrong_hash("demo-1.0.tar.gz"),
            lambda: index.truncate("none-1.0.tar.gz", after=1),
            lambda: index.missing_metadata("other-1.0.tar.gz"),
        ],
    }
    for code, acts in wrong.items():
        for each in acts:
            with pytest.raises(Missing) as missing:
                each()
            assert missing.value.code == code
    with pytest.raises(ValueError, match="times is 0"):
        index.hang(times=0)


def test_requests_tell_what_a_client_sent(index: Index) -> None:
    get(index, "/simple/demo%2F?format=x", accept=JSON)
    get(index, "/simple/demo/", "HEAD", accept=JSON)
    first, second = index.requests
    assert (first.method, first.path, first.query, first.status) == ("GET", "/simple/demo/", "format=x", 404)
    assert first.headers["accept"] == JSON
    assert (second.method, second.status) == ("HEAD", 200)


def test_pip_tries_again_after_503(index: Index, machine: Machine) -> None:
    failing = index.fail(503, retry_after=1, times=1)
    pip(machine, index, "demo").succeeded()
    assert failing.count == 1
    assert [each.status for each in index.requests][:2] == [503, 200]
    failing.clear()
    failing.clear()


def test_an_index_that_fails_for_good(index: Index, machine: Machine) -> None:
    with index.fail(429, "/simple/"):
        assert "No matching distribution found for demo" in pip(machine, index, "demo").failed()
        assert [each.status for each in index.requests] == [429]
    with index.fail(406, "demo"):
        assert "406" in uv(machine, index, "demo").failed()
    uv(machine, index, "demo").succeeded()


@BOTH
def test_a_hash_that_does_not_fit_is_refused(install, index: Index, machine: Machine) -> None:  # type: ignore[no-untyped-def]
    index.add("demo", "0.9")
    right = {each["filename"]: each["hashes"] for each in page(index)["files"]}
    with index.wrong_hash(WHEEL):
        said = {each["filename"]: each["hashes"] for each in page(index)["files"]}
        assert [name for name in right if said[name] != right[name]] == [WHEEL]
        assert "0" * 64 in install(machine, index, "demo").failed()
    with index.wrong_bytes(WHEEL):
        assert len(get(index, url_path(index)).body) == page(index)["files"][1]["size"]
        install(machine, index, "demo").failed()
    install(machine, index, "demo").succeeded()


@BOTH
def test_a_sidecar_that_is_not_what_the_page_says(install, index: Index, machine: Machine) -> None:  # type: ignore[no-untyped-def]
    with index.missing_metadata(WHEEL):
        assert "404" in install(machine, index, "demo").failed()
    with index.wrong_metadata_hash(WHEEL):
        install(machine, index, "demo").failed()
    index.requests.clear()
    with index.without_metadata(WHEEL):
        install(machine, index, "demo").succeeded()
    assert f"{WHEEL}.metadata" not in paths(index)


def test_pip_goes_on_where_a_file_was_cut_off(package_index: Index, machine: Machine) -> None:
    content = os.urandom(300_000)
    wheel = package_index.add("demo", files={"demo.bin": content})
    with package_index.truncate(wheel, after=100_000, times=1):
        pip(machine, package_index, "demo").succeeded()
    ranges = [each.headers.get("range") for each in package_index.requests if each.path.endswith(".whl")]
    assert ranges == [None, "bytes=100000-"]
    assert (machine.home / "site" / "demo.bin").read_bytes() == content


def test_pip_gives_up_where_a_page_was_cut_off(index: Index, machine: Machine) -> None:
    index.truncate("/simple/", after=100, times=1)
    assert "IncompleteRead(100 bytes read" in pip(machine, index, "demo").failed()


@pytest.mark.parametrize("at", ["/simple/", WHEEL])
def test_uv_asks_anew_for_what_was_cut_off(at: str, index: Index, machine: Machine) -> None:
    cut = index.truncate(at, after=100, times=1)
    uv(machine, index, "demo").succeeded()
    assert (cut.count, len(index.requests)) == (1, 4)


def test_uv_tries_again_after_429(index: Index, machine: Machine) -> None:
    index.fail(429, "/simple/", times=1)
    uv(machine, index, "demo").succeeded()


def test_uv_reads_metadata_out_of_the_wheel(index: Index, machine: Machine) -> None:
    index.without_metadata(WHEEL)
    uv(machine, index, "demo").succeeded()
    asked = [(each.method, "range" in each.headers, each.status) for each in index.requests]
    assert asked[1:3] == [("HEAD", False, 200), ("GET", True, 206)]


def test_what_is_cut_off_is_announced_whole(index: Index) -> None:
    path = url_path(index)
    with index.truncate("demo", after=10), pytest.raises(IncompleteRead, match="10 bytes read"):
        get(index, path)
    with index.truncate("demo", after=100_000):
        assert get(index, path).status == 200


def test_connections_that_end_or_hang(index: Index, machine: Machine) -> None:
    with index.disconnect("/simple/", times=1):
        uv(machine, index, "demo").succeeded()
    assert [each.status for each in index.requests][:2] == [None, 200]
    shutil.rmtree(machine.home)
    with index.hang(WHEEL):
        command = ("pip", "install", "--target", str(machine.home / "site"), "--default-index", index.url, "demo")
        assert "timed out" in machine.run("uv", *command, UV_HTTP_TIMEOUT="1", UV_HTTP_RETRIES="0").failed()
    index.hang("/simple/")  # until the index ends


def test_slow_answers(index: Index) -> None:
    with index.slow(0.3, "demo") as slow:
        assert get(index, "/simple/demo/").status == 200
        assert get(index, "/simple/").status == 200
    assert slow.count == 1
    connection = HTTPConnection(urlsplit(index.base_url).netloc, timeout=0.1)
    with index.slow(60):
        connection.request("GET", "/simple/")
        with pytest.raises(TimeoutError):
            connection.getresponse()
        connection.close()


def test_redirects_are_followed(index: Index, machine: Machine) -> None:
    with index.redirect(f"{index.url}demo/", "/simple/old/", status=301):
        uv(machine, index, "demo").succeeded()
        assert get(index, "/simple/old/").headers["location"] == f"{index.url}demo/"


@BOTH
def test_credentials(install, index: Index, machine: Machine) -> None:  # type: ignore[no-untyped-def]
    host = urlsplit(index.base_url).netloc
    with index.require_login("alice", "secret"):
        install(machine, index, "demo").failed()
        install(machine, index, "demo", url=f"http://alice:secret@{host}/simple/").succeeded()
    assert 401 in [each.status for each in index.requests]


def test_an_old_index_that_has_html_alone(index: Index, machine: Machine) -> None:
    with index.html_only():
        assert get(index, "/simple/demo/", accept=JSON).headers["content-type"].startswith("text/html")
        pip(machine, index, "demo").succeeded()


def test_pages_without_upload_times(index: Index, machine: Machine) -> None:
    cutoff = ("--uploaded-prior-to", "2999-01-01")
    with index.without_upload_times("demo"):
        assert "upload-time" in pip(machine, index, "demo", *cutoff).failed()
        assert "exclude-newer" in uv(machine, index, "demo", "--exclude-newer", "2999-01-01").failed()
    pip(machine, index, "demo", *cutoff).succeeded()


def test_pages_as_somebody_else_would_write_them(index: Index) -> None:
    whole = page(index)
    with index.rewrite(lambda page: page["meta"].update({"api-version": "2.0"})):
        answer = get(index, "/simple/demo/", accept=JSON, accept_encoding="gzip")
        assert answer.json() == {**whole, "meta": {**whole["meta"], "api-version": "2.0"}}
        assert "etag" not in answer.headers
        assert "<a href" in get(index, "/simple/demo/").text
        assert get(index, "/simple/demo/", "HEAD", accept=JSON).body == b""
        assert get(index, "/simple/none/", accept=JSON).status == 404
    assert page(index) == whole
    with index.answer(200, "/simple/demo/", body=b"<a href=x>x</a>", headers={"Content-Type": "text/html"}):
        answer = get(index, "/simple/demo/")
        assert (answer.headers["content-type"], answer.text) == ("text/html", "<a href=x>x</a>")
        assert get(index, "/simple/demo/", "HEAD").headers["content-length"] == "15"


def test_headers_that_are_other_or_missing(index: Index) -> None:
    path = url_path(index)
    with index.headers({"Cache-Control": "max-age=600", "ETag": None}, "/simple/"):
        answer = get(index, "/simple/demo/")
        assert answer.headers["cache-control"] == "max-age=600"
        assert "etag" not in answer.headers
    with index.weak_etags():
        etag = get(index, "/simple/demo/").headers["etag"]
        assert etag.startswith('W/"')
        assert get(index, "/simple/demo/", if_none_match=etag).status == 304
    with index.no_ranges(WHEEL):
        answer = get(index, path, range="bytes=0-1")
        assert (answer.status, "accept-ranges" in answer.headers) == (200, False)
    assert get(index, path, range="bytes=0-1").status == 206


def test_a_stale_page_stays_until_that_is_over(index: Index) -> None:
    with index.stale("demo"):
        index.add("demo", "2.0")
        assert page(index)["versions"] == ["1.0"]
    assert page(index)["versions"] == ["1.0", "2.0"]
    with index.stale("demo"), index.wrong_hash(WHEEL):
        index.remove("demo")
        assert page(index)["versions"] == ["1.0", "2.0"]
    assert get(index, "/simple/demo/").status == 404


def test_two_troubles_meet(index: Index) -> None:
    with index.fail(500, "demo", times=1) as first, index.fail(502, "/simple/", times=2) as second:
        assert [get(index, "/simple/demo/").status for _ in range(4)] == [500, 502, 502, 200]
    assert (first.count, second.count) == (1, 2)


UPLOADERS = {
    "twine": ("upload", "--non-interactive", "--disable-progress-bar", "--repository-url"),
    "uv": ("publish", "--publish-url"),
}


@pytest.mark.parametrize("uploader", UPLOADERS)
def test_uploads(uploader: str, package_index: Index, machine: Machine, tmp_path: Path) -> None:
    built = Package("demo").wheel()
    path = tmp_path / built.filename
    path.write_bytes(built.content)

    def upload(password: str) -> Outcome:
        login = ("--username", "alice", "--password", password)
        return machine.run(uploader, *UPLOADERS[uploader], package_index.upload_url, *login, path)

    with package_index.require_login("alice", "secret", "/legacy/"):
        assert "401" in upload("wrong").failed() or uploader == "uv"
        upload("secret").succeeded()
    upload("secret").succeeded()  # the same bytes once more
    assert package_index.filenames("demo") == (built.filename,)
    sent = package_index.uploads[0]
    assert (sent.filename, sent.content) == (built.filename, built.content)
    assert sent.fields["name"] == ["demo"]
    path.write_bytes(Package("demo", requires=["other"]).wheel().content)
    assert "File already exists" in upload("secret").failed()


def test_uploads_that_are_refused(package_index: Index) -> None:
    built = Package("demo").wheel()
    fields = {
        ":action": "file_upload",
        "metadata_version": "2.1",
        "name": "demo",
        "version": "1.0",
        "filetype": "bdist_wheel",
        "pyversion": "py3",
        "sha256_digest": hashlib.sha256(built.content).hexdigest(),
    }
    file = ("content", built.filename, built.content)

    def post(files: list[tuple[str, str, bytes]], method: str = "POST", **changed: str) -> Answer:
        body, kind = form(list({**fields, **changed}.items()), files)
        return request(method, urlsplit(package_index.base_url).netloc, "/legacy/", body, {"Content-Type": kind})

    assert post([file], sha256_digest="0" * 64).reason.startswith("The digest supplied does not match")
    assert post([file], version="2.0").status == 400
    assert post([], name="demo").reason == "Upload payload does not have a file."
    assert post([file], summary="x" * (17 << 20)).status == 413
    assert package_index.filenames("demo") == ()
    assert [each.filename for each in package_index.uploads] == [built.filename, built.filename, ""]
    answer = get(package_index, "/legacy/")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert post([file]).status == 200


def test_an_upload_that_is_broken_off(package_index: Index) -> None:
    connection = HTTPConnection(urlsplit(package_index.base_url).netloc)
    connection.putrequest("POST", "/legacy/")
    connection.putheader("Content-Length", "1000")
    connection.endheaders(b"--")
    connection.close()
    assert get(package_index, "/simple/").status == 200
    assert [each.status for each in package_index.requests] == [None, 200]
    assert package_index.uploads == []


def test_everything_is_documented() -> None:
    documented = set(re.findall(r"`(\w+)(?:\(|`)", (ROOT / "docs" / "testing.md").read_text()))
    with entrepot.testing.index() as running:
        assert {each for each in dir(running) if not each.startswith("_")} <= documented


FOREIGN = """\
import sys
import urllib.request


def test_the_plugin_costs_nothing_until_it_is_used():
    assert "entrepot.pytest_plugin" in sys.modules
    assert "entrepot.testing" not in sys.modules


def test_an_index(package_index):
    package_index.add("demo")
    with urllib.request.urlopen(package_index.url + "demo/") as answer:
        assert b"demo-1.0" in answer.read()


def test_each_test_has_its_own(package_index):
    assert package_index.filenames("demo") == ()
    assert "django" not in sys.modules
"""


def test_a_foreign_project_has_the_fixture(tmp_path: Path) -> None:
    """The entry point is the one of pyproject.toml, whatever is installed here."""
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    info = tmp_path / "path" / "entrepot-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: entrepot\nVersion: 0\n")
    (info / "entry_points.txt").write_text(
        "".join(["[pytest11]\n", *(f"{name} = {module}\n" for name, module in points.items())])
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    (tmp_path / "test_foreign.py").write_text(FOREIGN)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:django", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{info.parent}{os.pathsep}{ROOT / 'src'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "3 passed" in done.stdout, done.stdout + done.stderr
