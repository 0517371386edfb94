"""Uploads through the front door: what is taken, what is refused and how, and what is left behind."""

import hashlib
import itertools
import resource
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import inside
from archives import forge
from archives.forge import Built
from serving import Answer, Server, serving
from uploading import authorization, form, post, upload

Send = Callable[[Mapping[str, str]], Answer]

PROBLEM = "application/problem+json"
_CONTROL = dict.fromkeys([*range(32), 127])
_count = itertools.count(1)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An index for tests that turn its policy or break it for a while."""
    with serving(tmp_path_factory.mktemp("broken")) as running:
        yield running


@contextmanager
def private(server: Server) -> Iterator[None]:
    """The server's index is a private one for a while."""
    server.command("policy", "private")
    yield
    server.command("policy", "public")


@contextmanager
def small_files(server: Server) -> Iterator[None]:
    """The server's processes cannot write files of more than 1 MiB for a while: the disk is full."""
    processes = inside.parts(server)
    limits = [resource.prlimit(process, resource.RLIMIT_FSIZE, (1 << 20, -1)) for process in processes]
    yield
    for process, limit in zip(processes, limits, strict=True):
        resource.prlimit(process, resource.RLIMIT_FSIZE, limit)


def fresh() -> str:
    """A project name that no other test has, and that resembles none."""
    return f"demo{next(_count):05}"


def send(server: Server, built: Built, headers: Mapping[str, str] | None = None, **changed: str | None) -> Answer:
    """Upload a file as what its name says; `changed` replaces fields."""
    name, version = built.filename.removesuffix(".tar.gz").split("-")[:2]
    said: dict[str, str | None] = {"name": name, "version": version, **changed}
    fields = {key: value for key, value in said.items() if key not in {"name", "version"}}
    return upload(
        server,
        built.filename,
        built.data,
        name=said["name"] or "",
        version=said["version"] or "",
        headers=headers,
        **fields,
    )


def publish(server: Server, built: Built) -> Built:
    """Upload what must be taken."""
    assert send(server, built).status == 200
    return built


def assert_refused(sent: Send, status: int, code: str, field: str, sentence: str) -> None:
    """The refusal says the same to people and to programs, in each form that a client can ask for."""
    plain = sent({})
    assert (plain.status, plain.reason) == (status, sentence)
    assert plain.text == f"{sentence}\n"
    assert plain.headers["content-type"] == "text/plain; charset=utf-8"
    for accept in (PROBLEM, "application/json;q=0.9, text/plain;q=0.8"):
        problem = sent({"Accept": accept})
        assert (problem.status, problem.reason) == (status, sentence)
        assert problem.headers["content-type"] == PROBLEM
        assert problem.headers["cache-control"] == "no-store"
        assert problem.json() == {
            "type": f"about:blank#{code}",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": sentence,
            "code": code,
            "field": field,
            "request_id": problem.headers["x-request-id"],
        }


def code_of(answer: Answer) -> str:
    return str(answer.json()["code"]) if answer.status >= 400 else ""


class TestReadYourWrite:
    @pytest.mark.parametrize("make", [forge.wheel, forge.sdist])
    def test_everything_shows_the_file_at_once(self, server: Server, make: Callable[..., Built]) -> None:
        name = fresh()
        built = publish(server, make(name, "1.0"))
        sha256 = hashlib.sha256(built.data).hexdigest()

        (shown,) = server.page(name)["files"]
        assert (shown["filename"], shown["hashes"], shown["size"]) == (
            built.filename,
            {"sha256": sha256},
            len(built.data),
        )
        path = urljoin(f"/simple/{name}/", shown["url"])
        assert server.get(path).body == built.data
        metadata = server.get(f"{path}.metadata")
        if built.filename.endswith(".whl"):
            assert metadata.body == forge.core_metadata(name, "1.0")
            assert shown["core-metadata"] == {"sha256": hashlib.sha256(metadata.body).hexdigest()}
        else:
            assert metadata.status == 404
            assert not shown["core-metadata"]
        for document in (f"/pypi/{name}/json", f"/pypi/{name}/1.0/json"):
            (url,) = server.get(document).json()["urls"]
            assert (url["filename"], url["digests"]["sha256"]) == (built.filename, sha256)
            assert urlsplit(url["url"]).path == path
        listed = server.get("/simple/", accept="application/vnd.pypi.simple.v1+json").json()["projects"]
        assert name in [each["name"] for each in listed]

    def test_who_uploads_first_owns_the_project(self, server: Server) -> None:
        name = fresh()
        publish(server, forge.wheel(name))
        assert server.get(f"/pypi/{name}/json").json()["ownership"]["roles"] == [{"role": "Owner", "user": "alice"}]

    def test_a_comment_is_shown(self, server: Server) -> None:
        name = fresh()
        send(server, forge.wheel(name), comment="made by hand")
        assert server.get(f"/pypi/{name}/json").json()["urls"][0]["comment_text"] == "made by hand"

    def test_spellings_of_name_and_version_are_one(self, server: Server) -> None:
        name = fresh()
        assert send(server, forge.wheel(name, "1.0"), name=name.upper(), version="1").status == 200
        assert send(server, forge.wheel(name, "1.0", tag="py2-none-any"), version="v1.0.0").status == 200
        assert server.page(name)["versions"] == ["1.0"]


class TestFormats:
    """The same fields as different clients send them."""

    def test_digests_in_capitals(self, server: Server) -> None:
        built = forge.wheel(fresh())
        assert send(server, built, sha256_digest=hashlib.sha256(built.data).hexdigest().upper()).status == 200

    @pytest.mark.parametrize("left", ["sha256_digest", "blake2_256_digest"])
    def test_one_digest_is_enough(self, server: Server, left: str) -> None:
        digests: dict[str, str | None] = {"sha256_digest": None, "blake2_256_digest": None}
        del digests[left]
        assert send(server, forge.wheel(fresh()), None, **digests).status == 200

    def test_a_digest_of_md5_beside_another_is_checked(self, server: Server) -> None:
        built = forge.wheel(fresh())
        assert code_of(send(server, built, {"Accept": PROBLEM}, md5_digest="0" * 32)) == "wrong-digest"
        assert send(server, built, md5_digest=hashlib.md5(built.data, usedforsecurity=False).hexdigest()).status == 200

    @pytest.mark.parametrize("pyversion", [None, "", "source"])
    def test_an_sdist_needs_no_python_version(self, server: Server, pyversion: str | None) -> None:
        assert send(server, forge.sdist(fresh()), pyversion=pyversion).status == 200

    def test_no_protocol_version_means_the_only_one(self, server: Server) -> None:
        assert send(server, forge.wheel(fresh()), protocol_version=None).status == 200

    def test_unknown_and_empty_values_are_absent(self, server: Server) -> None:
        built = forge.wheel(fresh())
        assert send(server, built, comment="UNKNOWN", md5_digest="", protocol_version="UNKNOWN").status == 200
        url = server.get(f"/pypi/{built.filename.split('-')[0]}/json").json()["urls"][0]
        assert not url["comment_text"]
        answer = send(server, built, {"Accept": PROBLEM}, metadata_version="UNKNOWN")
        assert answer.json()["field"] == "metadata_version"

    def test_unknown_and_repeated_fields_that_nobody_reads_are_ignored(self, server: Server) -> None:
        name = fresh()
        built = forge.wheel(name)
        extra = [("classifiers", "A"), ("classifiers", "B"), ("nobody-knows-this", "\0")]
        fields = [*_fields(name, built), *extra]
        assert post(server, fields, [("content", built.filename, built.data)]).status == 200

    def test_a_signature_is_ignored(self, server: Server) -> None:
        name = fresh()
        built = forge.wheel(name)
        files = [("content", built.filename, built.data), ("gpg_signature", f"{built.filename}.asc", b"\xff\0")]
        assert post(server, _fields(name, built), files).status == 200

    def test_the_action_may_stand_in_the_query(self, server: Server) -> None:
        name = fresh()
        built = forge.wheel(name)
        body, kind = form(_fields(name, built)[1:], [("content", built.filename, built.data)])
        headers = {"Content-Type": kind, **authorization(server.token)}
        assert server.request("POST", "/legacy/?:action=file_upload", body, headers).status == 200

    def test_a_chunked_body(self, server: Server) -> None:
        name = fresh()
        built = forge.wheel(name)
        body, kind = form(_fields(name, built), [("content", built.filename, built.data)])
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:100], body[100:])) + b"0\r\n\r\n"
        headers = {"Content-Type": kind, "Transfer-Encoding": "chunked", **authorization(server.token)}
        assert server.request("POST", "/legacy/", chunks, headers).status == 200
        assert len(server.page(name)["files"]) == 1


def _fields(name: str, built: Built) -> list[tuple[str, str]]:
    return [
        (":action", "file_upload"),
        ("protocol_version", "1"),
        ("metadata_version", "2.1"),
        ("name", name),
        ("version", "1.0"),
        ("filetype", "bdist_wheel"),
        ("pyversion", "py3"),
        ("sha256_digest", hashlib.sha256(built.data).hexdigest()),
    ]


LETTERS = "letters, digits, '.', '_' and '-'"
NO_DIGEST = "Include at least one message digest: sha256_digest or blake2_256_digest."
WRONG_DIGEST = "The digest supplied does not match a digest calculated from the uploaded file"
KNOWN_TYPE = "Invalid value for filetype. Error: Use a known file type."
GONE = "The action '{}' is gone: projects are made by uploading a file."
UNKNOWN_ACTION = "Unknown action '{}': files come with ':action' file_upload."
HEX = "{}: Use a valid, hex-encoded, digest."


class TestRefusedFields:
    @pytest.mark.parametrize(
        ("changed", "status", "code", "field", "sentence"),
        [
            ({"action": "submit"}, 410, "action-gone", "", GONE.format("submit")),
            ({"action": "submit_pkg_info"}, 410, "action-gone", "", GONE.format("submit_pkg_info")),
            ({"action": "doc_upload"}, 410, "action-gone", "", GONE.format("doc_upload")),
            ({"action": None}, 400, "unknown-action", ":action", UNKNOWN_ACTION.format("")),
            ({"action": "list"}, 400, "unknown-action", ":action", UNKNOWN_ACTION.format("list")),
            ({"protocol_version": "2"}, 400, "unknown-protocol", "protocol_version", "Unknown protocol version."),
            *(
                ({name: value}, 400, "field-missing", name, f"{name}: This field is required.")
                for name in ("metadata_version", "name", "version")
                for value in ("", "UNKNOWN")
            ),
            ({"filetype": None}, 400, "invalid-filetype", "filetype", KNOWN_TYPE),
            ({"filetype": "bdist_egg"}, 400, "invalid-filetype", "filetype", KNOWN_TYPE),
            (
                {"pyversion": None},
                *(400, "field-missing", "pyversion"),
                "Python version is required for binary distribution uploads.",
            ),
            ({"md5_digest": "x"}, 400, "invalid-digest", "md5_digest", HEX.format("md5_digest")),
            ({"sha256_digest": "0" * 63}, 400, "invalid-digest", "sha256_digest", HEX.format("sha256_digest")),
            (
                {"blake2_256_digest": "g" * 64},
                400,
                "invalid-digest",
                "blake2_256_digest",
                HEX.format("blake2_256_digest"),
            ),
            ({"sha256_digest": None, "blake2_256_digest": None}, 400, "no-digest", "sha256_digest", NO_DIGEST),
            (
                {"sha256_digest": None, "blake2_256_digest": None, "md5_digest": "0" * 32},
                *(400, "no-digest", "sha256_digest", NO_DIGEST),
            ),
            ({"sha256_digest": "0" * 64}, 400, "wrong-digest", "sha256_digest", f"{WRONG_DIGEST} (sha256)."),
            ({"md5_digest": "0" * 32}, 400, "wrong-digest", "md5_digest", f"{WRONG_DIGEST} (md5)."),
            (
                {"name": "-x"},
                *(400, "invalid-name", "name"),
                f"'-x' is not a project name: it takes ASCII {LETTERS}, with a letter or digit at both ends.",
            ),
            ({"name": "x" * 101}, 400, "invalid-name", "name", "A project name has at most 100 characters."),
            ({"version": "1.x"}, 400, "invalid-version", "version", "'1.x' is not a version (PEP 440)."),
            ({"version": "1" * 5000}, 400, "invalid-version", "version", "A version has at most 128 characters."),
            (
                {"version": "1.٣"},
                *(400, "invalid-version", "version"),
                "'1.٣' is not a version: it takes ASCII characters only.",
            ),
            (
                {"version": "1.0+local"},
                *(400, "local-version", "version"),
                "The use of local versions in '1.0+local' is not allowed.",
            ),
            (
                {"filetype": "sdist", "pyversion": "source"},
                *(400, "wrong-filetype", "filetype", "'held-1.0-py3-none-any.whl' is no sdist."),
            ),
            (
                {"name": "other"},
                *(400, "wrong-name", "name", "'held-1.0-py3-none-any.whl' does not belong to project 'other'."),
            ),
            (
                {"version": "1.1"},
                *(400, "wrong-version", "version", "'held-1.0-py3-none-any.whl' is not of version '1.1'."),
            ),
        ],
    )
    def test_refused(
        self, server: Server, changed: dict[str, str | None], status: int, code: str, field: str, sentence: str
    ) -> None:
        built = forge.wheel("held")
        before = inside.trace(server)
        assert_refused(
            lambda headers: _latin(send(server, built, headers, **changed)),
            status,
            code,
            field,
            sentence,
        )
        assert inside.trace(server) == before

    def test_the_field_of_a_wrong_digest_is_one_of_the_form(self, server: Server) -> None:
        answer = send(server, forge.wheel("held"), {"Accept": PROBLEM}, blake2_256_digest="0" * 64)
        assert (answer.json()["code"], answer.json()["field"]) == ("wrong-digest", "blake2_256_digest")

    def test_an_sdist_is_for_no_python_version(self, server: Server) -> None:
        assert_refused(
            lambda headers: send(server, forge.sdist("held"), headers, pyversion="py3"),
            *(400, "invalid-pyversion", "pyversion", "Use 'source' as Python version for an sdist."),
        )

    def test_a_sentence_cannot_add_headers(self, server: Server) -> None:
        answer = send(server, forge.wheel("held"), action="x\r\nSet-Cookie: a=b")
        assert answer.status == 400
        assert "set-cookie" not in answer.headers
        assert answer.reason == UNKNOWN_ACTION.format("x  Set-Cookie: a=b")

    @pytest.mark.parametrize(
        "name", [":action", "name", "version", "filetype", "pyversion", "sha256_digest", "comment"]
    )
    def test_a_field_that_stands_twice(self, server: Server, name: str) -> None:
        built = forge.wheel("held")
        fields = [*_fields("held", built), ("comment", "a"), (name, "b")]
        assert_refused(
            lambda headers: post(server, fields, [("content", built.filename, built.data)], headers=headers),
            *(400, "repeated-field", name, f"{name}: stands more than once."),
        )

    def test_checks_come_in_the_order_that_clients_know(self, server: Server) -> None:
        """Everything is wrong at first; with each thing put right, the next one is named."""
        name = fresh()
        publish(server, forge.wheel(name, "1.0"))
        good = forge.wheel(name, "1.0", tag="py2-none-any")
        wrong: dict[str, str | None] = {
            "action": "nonsense",
            "protocol_version": "7",
            "metadata_version": None,
            "name": "",
            "version": "",
            "filetype": "x",
            "pyversion": None,
            "sha256_digest": "x",
            "blake2_256_digest": None,
        }
        filename, content = "nonsense", b"no archive"
        said: dict[str, str] = {"token": "nonsense"}

        def code() -> str:
            others = {key: value for key, value in wrong.items() if key not in {"name", "version"}}
            answer = upload(
                server,
                filename,
                content,
                name=wrong["name"] or "",
                version=wrong["version"] or "",
                headers={"Accept": PROBLEM},
                token=said["token"],
                **others,
            )
            return code_of(answer)

        assert code() == "invalid-auth"
        said["token"] = server.token
        found = []
        for key, value in (
            ("action", "file_upload"),
            ("protocol_version", "1"),
            ("metadata_version", "2.1"),
            ("name", "-"),
            ("version", "x"),
            ("filetype", "bdist_wheel"),
            ("pyversion", "py3"),
            ("sha256_digest", None),
            ("sha256_digest", "0" * 64),
            ("name", "json"),
            ("version", "1.0+x"),
            ("version", "1.0"),
        ):
            found.append(code())
            wrong[key] = value
        assert found == [
            "unknown-action",
            "unknown-protocol",
            *(["field-missing"] * 3),
            "invalid-filetype",
            "field-missing",
            "invalid-digest",
            "no-digest",
            *("invalid-name", "invalid-version", "local-version"),
        ]
        found = []
        filenames: list[tuple[str, dict[str, str]]] = [
            ("nonsense", {}),
            ("json-1.0.tar.gz", {}),
            ("jsonx-1.0-py3-none-nonsense.whl", {}),
            ("json-1.1-py3-none-nonsense.whl", {}),
            ("json-1.0-py3-none-nonsense.whl", {}),
            ("json-1.0-py3-none-any.whl", {}),
            (f"{name}-1.0-py3-none-any.whl", {"name": name}),
            (good.filename, {}),
            (good.filename, {"sha256_digest": hashlib.sha256(content).hexdigest()}),
        ]
        for each, fixed in filenames:
            filename = each
            wrong.update(fixed)
            found.append(code())
        assert found == [
            *("invalid-filename", "wrong-filetype", "wrong-name", "wrong-version", "unsupported-platform"),
            *("reserved-name", "file-exists", "wrong-digest", "zip-end"),
        ]
        content = good.data
        wrong["sha256_digest"] = hashlib.sha256(content).hexdigest()
        assert code() == ""


def _latin(answer: Answer) -> Answer:
    """The answer with the characters that a status line cannot hold, as the body has them."""
    if answer.headers["content-type"] == PROBLEM:
        whole = str(answer.json()["detail"])
    else:
        whole = answer.text.removesuffix("\n")
    assert answer.reason == whole.encode("latin-1", "replace").decode("latin-1")
    return Answer(answer.status, whole, answer.headers, answer.body)


class TestForms:
    """What is wrong with the form itself, not with what it says."""

    def test_no_file(self, server: Server) -> None:
        assert_refused(
            lambda headers: post(server, _fields("held", forge.wheel("held")), [], headers=headers),
            *(400, "no-file", "content", "Upload payload does not have a file."),
        )

    def test_a_file_without_a_filename(self, server: Server) -> None:
        fields = [*_fields("held", forge.wheel("held")), ("content", "text")]
        assert_refused(
            lambda headers: post(server, fields, [], headers=headers),
            *(400, "no-file", "content", "Upload payload does not have a file."),
        )

    def test_two_files(self, server: Server) -> None:
        built = forge.wheel("held")
        file = ("content", built.filename, built.data)
        assert_refused(
            lambda headers: post(server, _fields("held", built), [file, file], headers=headers),
            *(400, "repeated-field", "content", "content: stands more than once."),
        )

    def test_a_file_where_text_is_due(self, server: Server) -> None:
        built = forge.wheel("held")
        files = [("content", built.filename, built.data), ("summary", "s.txt", b"text")]
        assert_refused(
            lambda headers: post(server, _fields("held", built), files, headers=headers),
            *(400, "not-text", "summary", "summary: Should not be a tuple."),
        )

    @pytest.mark.parametrize(
        "disposition",
        [
            'name="content"; filename="{0}"; filename*=UTF-8\'\'other.whl',
            "name=\"content\"; filename*=UTF-8''{0}",
            'name="content"; filename="{0}"; filename="other.whl"',
            'name="content"; FILENAME="{0}"; filename="{0}"',
            'name="content"; filename*0="held-"; filename*1="1.0-py3-none-any.whl"',
        ],
    )
    def test_a_filename_said_in_two_ways(self, server: Server, disposition: str) -> None:
        built = forge.wheel("held")
        body, kind = form(_fields("held", built), [("content", "HERE", built.data)])
        body = body.replace(b'name="content"; filename="HERE"', disposition.format(built.filename).encode())
        assert_refused(
            lambda headers: _post_body(server, body, kind, headers),
            *(400, "two-filenames", "content"),
            "content: the file is named more than once, or in an unusual way.",
        )

    def test_an_image(self, server: Server) -> None:
        built = forge.wheel("held")
        body, kind = form(_fields("held", built), [("content", built.filename, built.data)])
        body = body.replace(b"application/octet-stream", b"image/png")
        assert_refused(
            lambda headers: _post_body(server, body, kind, headers),
            *(400, "invalid-distribution", "content", "Invalid distribution file. It is said to be an image."),
        )

    def test_a_part_without_a_type(self, server: Server) -> None:
        name = fresh()
        built = forge.wheel(name)
        body, kind = form(_fields(name, built), [("content", built.filename, built.data)])
        body = body.replace(b"Content-Type: application/octet-stream\r\n", b"")
        assert _post_body(server, body, kind, {}).status == 200

    def test_text_that_is_not_utf_8(self, server: Server) -> None:
        built = forge.wheel("held")
        body, kind = form([*_fields("held", built), ("comment", "HERE")], [("content", built.filename, built.data)])
        assert_refused(
            lambda headers: _post_body(server, body.replace(b"HERE", b"\xff\xfe"), kind, headers),
            *(400, "not-utf-8", "comment", "comment: is not UTF-8."),
        )

    def test_nul_bytes(self, server: Server) -> None:
        answer = send(server, forge.wheel("held"), {"Accept": PROBLEM}, name="held\0")
        assert code_of(answer) == "invalid-name"
        assert send(server, forge.wheel("held"), version="1.0\0").status == 400

    @pytest.mark.parametrize(
        "kind",
        [
            *(
                "",
                "text/plain",
                "application/x-www-form-urlencoded",
                "multipart/form-data",
                "multipart/mixed; boundary=x",
            ),
            *(
                "multipart/form-data; boundary=",
                'multipart/form-data; boundary="',
                "multipart/form-data; boundary*=utf-8''",
            ),
        ],
    )
    def test_another_type_of_body(self, server: Server, kind: str) -> None:
        assert_refused(
            lambda headers: _post_body(server, b"--x--\r\n", kind, headers),
            *(400, "not-a-form", "", "An upload is a request of type multipart/form-data."),
        )

    def test_a_boundary_in_an_unknown_encoding(self, server: Server) -> None:
        assert _post_body(server, b"--x--\r\n", "multipart/form-data; boundary*=nonsense''x", {}).status == 400

    @pytest.mark.parametrize(
        "mangle",
        [
            lambda _: b"",
            lambda body: body[:-10],
            lambda body: body[: len(body) // 2],
            lambda body: body.replace(b'name="comment"', b""),
            lambda body: body.replace(b"form-data; ", b"attachment; "),
            lambda body: b"nonsense" + body,
            lambda body: body.replace(b"\r\n", b"\n"),
            lambda body: body.replace(b"Content-Disposition: form-data", b"X: y", 1),
        ],
        ids=["empty", "unclosed", "half", "nameless", "attachment", "before", "newlines", "undisposed"],
    )
    def test_a_broken_form(self, server: Server, mangle: Callable[[bytes], bytes]) -> None:
        built = forge.wheel("held")
        body, kind = form([*_fields("held", built), ("comment", "x")], [("content", built.filename, built.data)])
        answer = _post_body(server, mangle(body), kind, {"Accept": PROBLEM})
        assert (answer.status, code_of(answer)) == (400, "not-a-form")
        assert answer.reason.startswith("The form cannot be read: ")

    def test_twenty_thousand_parts(self, server: Server) -> None:
        built = forge.wheel("held")
        fields = [*_fields("held", built), *([("classifiers", "x")] * 20_000)]
        answer = post(server, fields, [("content", built.filename, built.data)], headers={"Accept": PROBLEM})
        assert (answer.status, code_of(answer)) == (400, "not-a-form")

    def test_a_little_less_than_too_much_text(self, server: Server) -> None:
        assert send(server, forge.wheel(fresh()), description="x" * (15 << 20)).status == 200

    def test_too_much_text(self, server: Server) -> None:
        built = forge.wheel("held")
        assert_refused(
            lambda headers: send(server, built, headers, description="x" * ((16 << 20) + 1)),
            *(413, "form-too-large", "", "The fields of the form are larger than 16 MB."),
        )

    @pytest.mark.parametrize(
        "filename",
        [
            *("../../x-1.0.tar.gz", "..\\x.whl", "/etc/x-1.0.tar.gz", "C:x-1.0.tar.gz"),
            *("x-1.0.tar.gz.exe", "x-1.0-py3-none-any.WHL", "x-1.0-py3-none-any.whl ", "x-1.0.zip", "x-1.0.egg"),
            *("x-1.0.tar.bz2", "x-01.tar.gz", "x-v1.tar.gz", "x-1.0-1.tar.gz", "X-1.0.tar.gz", "x.tar.gz", ".whl", ""),
            *("x-1.0\t.tar.gz", "x-1.0\0.tar.gz", "é-1.0.tar.gz", f"x-{'1' * 129}.tar.gz", "x" * 201 + "-1.0.tar.gz"),
            *("x-1.0.tar.gz%00.exe", "x-1.0-py3-none-any.whl/", "con", "x-1.0.TAR.GZ", "-1.0.tar.gz"),
        ],
    )
    def test_a_filename_that_is_none(self, server: Server, filename: str) -> None:
        before = inside.trace(server)
        answer = upload(
            server,
            filename,
            b"x",
            name="x",
            version="1.0",
            headers={"Accept": PROBLEM},
            filetype="sdist",
            pyversion=None,
        )
        assert (answer.status, code_of(answer), answer.json()["field"]) == (400, "invalid-filename", "content")
        assert inside.trace(server) == before

    def test_a_filename_with_a_path_of_windows(self, server: Server) -> None:
        built = forge.wheel("held")
        files = [("content", f"C:\\{built.filename}", built.data)]
        answer = post(
            server, [*_fields("held", built)[:-1], ("sha256_digest", "0" * 64)], files, headers={"Accept": PROBLEM}
        )
        assert code_of(answer) == "invalid-filename"


def _post_body(server: Server, body: bytes, kind: str, headers: Mapping[str, str]) -> Answer:
    sent = {**({"Content-Type": kind} if kind else {}), **authorization(server.token), **headers}
    return server.request("POST", "/legacy/", body, sent)


class TestTransport:
    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
    def test_other_methods(self, server: Server, method: str) -> None:
        answer = server.request(method, "/legacy/")
        assert (answer.status, answer.headers["allow"]) == (405, "POST")

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_without_the_slash(self, server: Server, method: str) -> None:
        answer = server.request(method, "/legacy", b"x")
        assert (answer.status, answer.headers["location"]) == (308, "/legacy/")
        assert answer.reason == "An upload of files goes to the URL with a slash at its end"

    def test_a_large_body_without_the_slash(self, server: Server) -> None:
        assert server.request("POST", "/legacy", bytes(2 << 20)).status == 308

    def test_a_length_that_is_too_large_is_refused_before_the_body_has_come(self, server: Server) -> None:
        size = (2 << 30) + (17 << 20) + 1
        for accept, kind in (("*/*", "text/plain; charset=utf-8"), ("application/json", PROBLEM)):
            head = f"POST /legacy/ HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\nContent-Length: {size}\r\n\r\n"
            line, headers = _exchange(server, head.encode() + b"the first bytes")
            assert line == b"HTTP/1.1 413 File too large. A request may have 2065 MB."
            assert f"content-type: {kind}".encode() in headers

    @pytest.mark.parametrize("path", ["/", "/legacy/x"])
    def test_elsewhere_bodies_are_small(self, server: Server, path: str) -> None:
        answer = server.request("POST", path, bytes((1 << 20) + 1))
        assert (answer.status, answer.reason) == (413, "File too large. A request may have 1 MB.")
        chunk = b"100000\r\n%b\r\n" % bytes(1 << 20)
        answer = server.request("POST", path, chunk + b"1\r\nx\r\n0\r\n\r\n", {"Transfer-Encoding": "chunked"})
        assert answer.status == 413

    def test_a_client_that_goes_away_leaves_nothing(self, server: Server) -> None:
        before = inside.trace(server)
        body, kind = form(_fields("held", forge.wheel("held")), [("content", "x.whl", bytes(3 << 20))])
        head = [f"{name}: {value}\r\n" for name, value in authorization(server.token).items()]
        request = (
            f"POST /legacy/ HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n{''.join(head)}"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection(_address(server)) as connection:
            connection.sendall(request.encode() + body[: 2 << 20])
        inside.eventually(lambda: inside.trace(server) == before)


def _address(server: Server) -> tuple[str, int]:
    parts = urlsplit(server.url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def _exchange(server: Server, request: bytes) -> tuple[bytes, list[bytes]]:
    with socket.create_connection(_address(server), timeout=20) as connection, connection.makefile("rb") as file:
        connection.sendall(request)
        line = file.readline().rstrip()
        return line, list(iter(lambda: file.readline().rstrip(), b""))


class TestAgain:
    def test_the_same_file_again_changes_nothing(self, server: Server) -> None:
        built = publish(server, forge.wheel(fresh()))
        before = inside.trace(server)
        assert send(server, built).status == 200
        assert inside.trace(server) == before

    def test_also_when_the_release_is_closed(self, server: Server) -> None:
        name = fresh()
        built = publish(server, forge.wheel(name))
        inside.age_release(server, name, 100)
        assert send(server, built).status == 200

    def test_other_bytes_under_the_same_name(self, server: Server) -> None:
        name = fresh()
        built = publish(server, forge.wheel(name))
        blake2 = hashlib.blake2b(built.data, digest_size=32).hexdigest()
        before = inside.trace(server)
        assert_refused(
            lambda headers: send(server, forge.wheel(name, files={"more": b""}), headers),
            *(400, "file-exists", "content"),
            f"File already exists ('{built.filename}', with blake2_256 hash '{blake2}').",
        )
        assert inside.trace(server) == before

    def test_the_same_bytes_under_another_name(self, broken: Server) -> None:
        name = fresh()
        built = publish(broken, forge.wheel(name, tag="py3.py2-none-any"))
        other = Built(f"{name}-1.0-py2.py3-none-any.whl", built.data)
        blake2 = hashlib.blake2b(built.data, digest_size=32).hexdigest()
        before = inside.trace(broken)
        assert_refused(
            lambda headers: send(broken, other, headers),
            *(400, "file-exists", "content"),
            f"File already exists ('{built.filename}', with blake2_256 hash '{blake2}').",
        )
        assert inside.trace(broken) == before
        with private(broken):
            assert send(broken, other).status == 200
        assert [each["filename"] for each in broken.page(name)["files"]] == [other.filename, built.filename]
        assert broken.command("verify").returncode == 0

    def test_a_second_sdist(self, server: Server) -> None:
        """Versions that are equal are one release, whatever their spelling."""
        name = fresh()
        publish(server, forge.sdist(name, "1.0"))
        assert_refused(
            lambda headers: send(server, forge.sdist(name, "1.0.0"), headers),
            *(400, "second-sdist", "content", "Only one sdist may be uploaded per release."),
        )
        assert send(server, forge.wheel(name, "1.0")).status == 200
        assert send(server, forge.sdist(name, "1.0.1")).status == 200


class TestDeleted:
    def test_a_file_name_is_never_free_again(self, server: Server) -> None:
        name = fresh()
        built = publish(server, forge.wheel(name))
        server.command("delete", name, "1.0", built.filename)
        for again in (built, forge.wheel(name, files={"more": b""})):
            assert_refused(
                lambda headers, again=again: send(server, again, headers),  # type: ignore[misc]
                *(400, "filename-used", "content"),
                "This filename was previously used by a file that has since been deleted. Use a different version.",
            )
        assert server.page(name)["files"] == []
        assert send(server, forge.wheel(name, "1.1")).status == 200

    def test_nor_that_of_a_deleted_release(self, server: Server) -> None:
        name = fresh()
        built = publish(server, forge.wheel(name))
        server.command("delete", name, "1.0")
        assert code_of(send(server, built, {"Accept": PROBLEM})) == "filename-used"

    def test_a_project_name_is_never_free_again(self, server: Server) -> None:
        name = fresh()
        built = publish(server, forge.wheel(name))
        server.command("delete", name)
        before = inside.trace(server)
        for again in (built, forge.wheel(name, "2.0")):
            assert send(server, again).status in {400, 403}
        assert inside.trace(server) == before
        assert server.get(f"/simple/{name}/").status == 404

    def test_who_owned_the_project_is_told_why(self, server: Server) -> None:
        name = fresh()
        built = publish(server, forge.wheel(name))
        server.command("delete", name)
        assert_refused(
            lambda headers: send(server, built, headers),
            *(400, "project-deleted", "name"),
            f"The name '{name}' was used by a project that has since been deleted. Use a different name.",
        )


class TestNames:
    def test_a_name_that_looks_like_another(self, broken: Server) -> None:
        publish(broken, forge.wheel("oil_lamp"))
        before = inside.trace(broken)
        for name in ("0il_lamp", "oi1_lamp", "oillamp", "o_i_l_lamp"):
            assert_refused(
                lambda headers, name=name: send(broken, forge.wheel(name), headers),  # type: ignore[misc]
                *(400, "similar-name", "name"),
                f"The name '{name}' is too similar to an existing project: oil_lamp.",
            )
        assert inside.trace(broken) == before
        with private(broken):
            assert send(broken, forge.wheel("oillamp")).status == 200

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("json", "it is the name of a module of the Python standard library"),
            ("requirements_txt", "it is reserved"),
            ("simple", "it is reserved"),
        ],
    )
    def test_a_name_that_nobody_gets(self, server: Server, name: str, reason: str) -> None:
        normalized = name.replace("_", "-")
        assert_refused(
            lambda headers: send(server, forge.wheel(name), headers),
            *(400, "reserved-name", "name", f"The name '{normalized}' isn't allowed: {reason}."),
        )


class TestPolicies:
    def test_a_private_index_takes_what_a_company_needs(self, broken: Server) -> None:
        name = fresh()
        linux = forge.wheel(name, "1.0", tag="cp311-cp311-linux_x86_64")
        local = forge.wheel(name, "1.0+company.1")
        standard = forge.wheel("json", "1.0")
        assert_refused(
            lambda headers: send(broken, linux, headers),
            *(400, "unsupported-platform", "content"),
            f"Wheel '{linux.filename}' has an unsupported platform tag 'linux_x86_64'.",
        )
        for built, code in ((local, "local-version"), (standard, "reserved-name")):
            assert code_of(send(broken, built, {"Accept": PROBLEM})) == code
        with private(broken):
            for built in (linux, local, standard):
                assert send(broken, built).status == 200

    def test_a_release_takes_no_files_after_14_days(self, broken: Server) -> None:
        name = fresh()
        publish(broken, forge.wheel(name))
        later = forge.wheel(name, tag="py2-none-any")
        inside.age_release(broken, name, 14.001)
        before = inside.trace(broken)
        assert_refused(
            lambda headers: send(broken, later, headers),
            *(400, "release-closed", "version"),
            "Uploading new files to releases older than 14 days is not allowed.",
        )
        assert inside.trace(broken) == before
        inside.age_release(broken, name, -0.01)
        assert send(broken, later).status == 200
        inside.age_release(broken, name, 1000)
        assert send(broken, forge.wheel(name, "1.1")).status == 200
        with private(broken):
            assert send(broken, forge.sdist(name)).status == 200

    def test_a_project_holds_so_much(self, broken: Server) -> None:
        name = fresh()
        built = publish(broken, forge.wheel(name))
        resize = "UPDATE projects_file SET size = ? WHERE filename = ?"
        inside.query(broken, resize, (10 << 30) - 100, built.filename)
        assert_refused(
            lambda headers: send(broken, forge.sdist(name), headers),
            *(413, "project-too-large", "content"),
            f"Project size too large. Limit for project '{name}' total size is 10 GB.",
        )
        with private(broken):
            assert send(broken, forge.sdist(name)).status == 200
        inside.query(broken, resize, len(built.data), built.filename)
        broken.command("rebuild")

    @pytest.mark.parametrize("status", ["archived", "quarantined"])
    def test_a_project_that_takes_nothing(self, server: Server, status: str) -> None:
        name = fresh()
        built = publish(server, forge.wheel(name))
        server.command("status", name, status)
        before = inside.trace(server)
        for tried in (built, forge.wheel(name, "1.1")):
            assert_refused(
                lambda headers, tried=tried: send(server, tried, headers),  # type: ignore[misc]
                *(403, f"project-{status}", "", f"Project '{name}' is {status}."),
            )
        assert inside.trace(server) == before
        server.command("status", name, "active")
        assert send(server, forge.wheel(name, "1.1")).status == 200

    def test_a_deprecated_project_goes_on(self, server: Server) -> None:
        name = fresh()
        publish(server, forge.wheel(name))
        server.command("status", name, "deprecated")
        assert send(server, forge.wheel(name, "1.1")).status == 200

    @pytest.mark.parametrize(
        ("built", "code"),
        [
            (forge.wheel("bad", metadata=forge.core_metadata("worse")), "metadata-mismatch"),
            (forge.wheel("bad", metadata=forge.core_metadata("bad", more="Summary: " + "x" * 513)), "summary-too-long"),
            (
                forge.wheel("bad", metadata=forge.core_metadata("bad", more="Classifier: Nonsense")),
                "unknown-classifier",
            ),
            (
                forge.wheel(
                    "bad", metadata=forge.core_metadata("bad", more="Requires-Dist: x @ https://index.example/x")
                ),
                "direct-dependency",
            ),
            (
                forge.wheel(
                    "bad", metadata=forge.core_metadata("bad", more="Description-Content-Type: text/x-rst\n\n`broken")
                ),
                "description-not-rendered",
            ),
            (forge.wheel("bad", record=b""), "wheel-record"),
            (Built("bad-1.0.tar.gz", b"nonsense"), "gzip-header"),
        ],
    )
    def test_what_is_inside_is_checked(self, server: Server, built: Built, code: str) -> None:
        before = inside.trace(server)
        answer = send(server, built, {"Accept": PROBLEM})
        assert (answer.status, code_of(answer)) == (400, code)
        assert inside.trace(server) == before


class TestTrouble:
    """What an operator's trouble looks like from outside: try again later, and nothing has changed."""

    @pytest.mark.embedded
    def test_without_a_database_reads_go_on_and_uploads_wait(self, broken: Server) -> None:
        name = fresh()
        built = publish(broken, forge.wheel(name))
        database, aside = broken.data / "entrepot.sqlite3", broken.data / "aside"
        database.rename(aside)
        database.mkdir()
        later = forge.wheel(name, "1.1")
        sentence = "The index cannot take uploads at this moment. Please try again: nothing is taken twice."
        assert_refused(lambda headers: send(broken, later, headers), 503, "try-later", "", sentence)
        assert send(broken, later).headers["retry-after"] == "30"
        (shown,) = broken.page(name)["files"]
        assert broken.get(urljoin(f"/simple/{name}/", shown["url"])).body == built.data
        database.rmdir()
        aside.rename(database)
        assert send(broken, later).status == 200

    def test_without_a_place_for_the_body(self, broken: Server) -> None:
        (broken.data / "uploads").rmdir()
        built = forge.wheel(fresh())
        answer = send(broken, built)
        assert (answer.status, answer.headers["retry-after"]) == (503, "30")
        (broken.data / "uploads").mkdir()
        assert send(broken, built).status == 200

    def test_without_room_for_the_body(self, broken: Server) -> None:
        built = forge.wheel(fresh(), files={"data": bytes(3 << 20)}, edit=_store)
        before = inside.trace(broken)
        with small_files(broken):
            answer = send(broken, built, {"Accept": PROBLEM})
            assert (answer.status, code_of(answer), answer.headers["retry-after"]) == (503, "try-later", "30")
            assert broken.get("/simple/").status == 200
        assert inside.trace(broken) == before
        assert send(broken, built).status == 200

    def test_a_body_waits_in_the_data_directory(self, broken: Server) -> None:
        header = f"Authorization: {authorization(broken.token)['Authorization']}\r\n".encode()
        request = b"POST /legacy/ HTTP/1.1\r\nHost: x\r\n" + header + b"Content-Length: 9000000\r\n\r\n"
        with socket.create_connection(_address(broken)) as connection:
            connection.sendall(request + bytes(8 << 20))
            inside.eventually(lambda: inside.nameless(broken) != [])
            waiting = inside.nameless(broken)
        assert broken.data / "uploads" in {path.parent for path in waiting}

    def test_pages_that_cannot_be_written_follow_later(self, broken: Server) -> None:
        name = fresh()
        with inside.obstructed(broken.data, name):
            answer = send(broken, forge.wheel(name))
            assert (answer.status, answer.headers["x-entrepot-publication"]) == (200, "pending")
            again = send(broken, forge.wheel(name))
            assert (again.status, again.headers["x-entrepot-publication"]) == (200, "pending")
        inside.eventually(lambda: broken.get(f"/simple/{name}/").status == 200)
        assert "x-entrepot-publication" not in send(broken, forge.wheel(name)).headers


def _store(entries: list[forge.Entry]) -> None:
    for entry in entries:
        entry.method = 0


class TestAtOnce:
    """Many uploads in the same instant."""

    def test_the_same_file(self, server: Server) -> None:
        name = fresh()
        built = forge.wheel(name)
        before = inside.serial(server)
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(lambda _: send(server, built), range(4)))
        assert [answer.status for answer in answers] == [200] * 4
        actions = inside.query(server, "SELECT action FROM journal_entry WHERE serial > ? ORDER BY serial", before)
        assert actions == [("create",), ("add Owner alice",), ("new release",), (f"add py3 file {built.filename}",)]
        self.assert_in_order(server)

    def test_two_files_of_one_name(self, server: Server) -> None:
        name = fresh()
        both = [forge.wheel(name, files={"which": bytes([number])}) for number in range(2)]
        with ThreadPoolExecutor(2) as threads:
            answers = list(threads.map(lambda built: send(server, built), both))
        assert sorted(answer.status for answer in answers) == [200, 400]
        (winner,) = [built for built, answer in zip(both, answers, strict=True) if answer.status == 200]
        (loser,) = [answer for answer in answers if answer.status == 400]
        assert loser.reason.startswith("File already exists")
        (shown,) = server.page(name)["files"]
        assert server.get(urljoin(f"/simple/{name}/", shown["url"])).body == winner.data
        self.assert_in_order(server)

    def test_many_files_of_many_projects(self, server: Server) -> None:
        names = [fresh() for _ in range(4)]
        everything = [
            (forge.wheel if number % 2 else forge.sdist)(name, f"1.{number}") for name in names for number in range(6)
        ]
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda built: send(server, built), everything))
        assert {answer.status for answer in answers} == {200}
        shown = [file["filename"] for name in names for file in server.page(name)["files"]]
        assert sorted(shown) == sorted(built.filename for built in everything)
        listed = server.get("/simple/", accept="application/vnd.pypi.simple.v1+json").json()["projects"]
        assert set(names) <= {each["name"] for each in listed}
        self.assert_in_order(server)

    def assert_in_order(self, server: Server) -> None:
        serials = [serial for (serial,) in inside.query(server, "SELECT serial FROM journal_entry ORDER BY serial")]
        assert serials == list(range(1, len(serials) + 1))
        verified = server.command("verify", check=False)
        assert verified.returncode == 0, verified.stdout


class TestNonsense:
    """Whatever is sent, it is the sender's fault."""

    @settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
    @given(data=st.data())
    def test_a_mangled_upload(self, server: Server, data: st.DataObject) -> None:
        built = forge.wheel("mangled")
        fields = data.draw(_mangled_fields(_fields("mangled", built)))
        filename = data.draw(st.sampled_from([built.filename]) | st.text(st.characters(codec="utf-8"), max_size=20))
        body, kind = form(fields, [("content", filename, built.data)])
        body = data.draw(_mangled(body))
        kind = data.draw(st.sampled_from([kind, kind.replace("boundary=", "boundary*="), kind[:-1]]))
        answer = server.request("POST", "/legacy/", body, {"Content-Type": kind, **authorization(server.token)})
        assert answer.status < 500

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
    @given(
        data=st.binary(max_size=300),
        kind=st.binary(max_size=60).map(
            lambda raw: "multipart/form-data; " + raw.decode("latin-1").translate(_CONTROL)
        ),
        sent=st.binary(max_size=60).map(lambda raw: raw.decode("latin-1").translate(_CONTROL)),
        accept=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
    )
    def test_noise(self, server: Server, data: bytes, kind: str, sent: str, accept: str) -> None:
        for authorized in (sent, f"Basic {sent}", authorization(server.token)["Authorization"]):
            headers = {"Content-Type": kind, "Authorization": authorized, "Accept": accept}
            assert 400 <= server.request("POST", "/legacy/", data, headers).status < 500


@st.composite
def _mangled_fields(draw: st.DrawFn, fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    found = list(fields)
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(found) - 1))
        match draw(st.sampled_from(["drop", "double", "garble", "rename"])):
            case "drop":
                del found[at]
            case "double":
                found.append(found[at])
            case "garble":
                found[at] = (found[at][0], draw(st.text(st.characters(codec="utf-8"), max_size=40)))
            case "rename":
                found[at] = (draw(st.text(st.characters(codec="utf-8"), max_size=10)), found[at][1])
    return found


@st.composite
def _mangled(draw: st.DrawFn, body: bytes) -> bytes:
    found = bytearray(body)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(found) - 1))
        match draw(st.sampled_from(["flip", "cut", "insert", "end"])):
            case "flip":
                found[at] ^= draw(st.integers(1, 255))
            case "cut":
                del found[at : at + draw(st.integers(1, 50))]
            case "insert":
                found[at:at] = draw(st.binary(min_size=1, max_size=50))
            case "end":
                del found[max(at, 1) :]
        if not found:
            break
    return bytes(found)
