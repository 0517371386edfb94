"""The management API, asked whatever its own description allows, and much that it does not.

No answer says that the server broke, and each is as the description has it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from archives import forge
from clients import Machine
from entrepot.accounts.tokens import Permission
from serving import Server, serving
from uploading import upload

CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_headers_conformance", "response_schema_conformance"),
)
KNOWN = """
[parameters]
"path.name" = "known"
"path.version" = "1.0"
"path.filename" = "known-1.0-py3-none-any.whl"
"""


# Which operations, for how many seconds, and so no more than 3,600 times. The fuzzer uses what it is told, so that it
# would revoke its own token, which is listed.
RUNS: Mapping[str, tuple[str, ...]] = {
    "a project": ("--exclude-operation-id-regex", "delete_|revoke_", "--max-time", "15"),
    "any project": ("--exclude-operation-id-regex", "revoke_", "--max-time", "25"),
    "any token": ("--include-operation-id-regex", "revoke_", "--max-time", "5"),
}


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of which nothing need be left."""
    with serving(tmp_path_factory.mktemp("fuzzed")) as running:
        yield running


@pytest.mark.parametrize("run", RUNS)
def test_the_management_api_never_breaks(fuzzed: Server, tmp_path: Path, run: str) -> None:
    name = "known" if run == "a project" else "other"
    for built in (forge.wheel(name, "1.0"), forge.sdist(name, "1.0")) if run != "any token" else ():
        assert upload(fuzzed, built.filename, built.data, name=name, version="1.0").status == 200
    token = fuzzed.new_token("alice", *(word for each in Permission for word in ("--may", each.value)))
    machine = Machine(tmp_path / "home")
    machine.home.mkdir()
    (machine.home / "schemathesis.toml").write_text(KNOWN if run == "a project" else "")
    outcome = machine.run(
        "schemathesis",
        *("run", f"{fuzzed.url}/api/v1/openapi.json", "--header", f"Authorization: Bearer {token}"),
        *("--checks", ",".join(CHECKS), "--generation-with-security-parameters", "false"),
        *("--generation-database", "none", "--no-color", *RUNS[run]),
    )
    assert "Rate limited" not in outcome.succeeded()
    assert fuzzed.get("/api/v1/projects", authorization=f"Bearer {token}").status == 200


def test_refusals_are_described(server: Server) -> None:
    told = server.get("/api/v1/openapi.json").json()
    for methods in told["paths"].values():
        for operation in methods.values():
            refused = {status for status in operation["responses"] if status >= "400"}
            assert refused == {"400", "403", "404", "413", "429", "503"}
    assert "application/problem+json" in told["components"]["responses"]["Problem"]["content"]
