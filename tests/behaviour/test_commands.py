"""The commands of an operator, most of them beside a running server."""

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

import inside
from archives import forge
from entrepot import __version__, layout
from entrepot.cli import COMMANDS, main
from entrepot.layout import Form, Place
from entrepot.names import ProjectName
from entrepot.page import Page
from entrepot.ports.files import FileStore
from serving import ENTREPOT, PASSWORD, Server, environment, run
from uploading import upload

DELETED = "The name '{}' was used by a project that has since been deleted. Use a different name."


def publish(server: Server, name: str, *tags: str) -> None:
    for tag in tags or ("py3-none-any",):
        built = forge.wheel(name, tag=tag)
        answer = upload(server, built.filename, built.data, name=name, version="1.0")
        assert answer.status == 200, answer


def refused(server: Server, *arguments: str, stdin: str = "", code: int = 1) -> str:
    """What a command says that fails. It says nothing on standard output."""
    done = server.command(*arguments, check=False, stdin=stdin)
    assert (done.returncode, done.stdout) == (code, "")
    assert "Traceback" not in done.stderr
    return done.stderr


class TestHelp:
    @pytest.mark.parametrize(
        "arguments", [[], *([command] for command in COMMANDS), ["user", "create"], ["token", "create"]]
    )
    @pytest.mark.parametrize("option", ["--help", "-h"])
    def test_every_command_explains_itself(self, arguments: list[str], option: str) -> None:
        result = CliRunner().invoke(main, [*arguments, option])
        assert result.exit_code == 0
        assert f"Usage: main {' '.join(arguments)}".rstrip() in result.output
        assert "--help" in result.output

    def test_the_list_of_commands(self) -> None:
        shown = CliRunner().invoke(main, ["--help"]).output
        for command in COMMANDS.keys() - {"part"}:
            assert f"  {command} " in shown

    def test_what_is_no_command(self) -> None:
        result = CliRunner().invoke(main, ["publish"])
        assert result.exit_code == 2
        assert "No such command 'publish'" in result.output

    def test_version(self) -> None:
        assert __version__ in CliRunner().invoke(main, ["--version"]).output


class TestUsers:
    OPTIONS = ("--email", "carol@example.org", "--password-stdin")

    def test_a_new_user(self, server: Server) -> None:
        done = server.command("user", "create", "carol", *self.OPTIONS, stdin=f"{PASSWORD}\n")
        assert (done.stdout, done.stderr) == ("Made user carol.\n", "")
        ((verified, superuser, stored),) = inside.query(
            server,
            "SELECT verified, is_superuser, password FROM accounts_user u JOIN account_emailaddress ON user_id = u.id"
            " WHERE username = 'carol'",
        )
        assert (verified, superuser) == (1, 0)
        assert str(stored).startswith("argon2")
        for name, email in (("CAROL", "other@example.org"), ("other", "Carol@Example.org")):
            said = refused(server, "user", "create", name, "--email", email, "--password-stdin", stdin=PASSWORD)
            assert said.startswith("Error: No user was made: ")

    @pytest.mark.parametrize(
        ("name", "email", "password", "about"),
        [
            ("-x", "x@example.org", PASSWORD, "valid"),
            ("é", "x@example.org", PASSWORD, "valid"),
            ("x" * 51, "x@example.org", PASSWORD, "50 characters"),
            ("x", "nonsense", PASSWORD, "valid email"),
            ("x", "x@example.org", "", "too short"),
            ("x", "x@example.org", "password", "too common"),
            ("goodname", "x@example.org", "goodname1", "too similar"),
        ],
    )
    def test_no_user(self, server: Server, name: str, email: str, password: str, about: str) -> None:
        said = refused(server, "user", "create", "--email", email, "--password-stdin", "--", name, stdin=password)
        assert said.startswith("Error: No user was made: ")
        assert about in said
        assert inside.query(server, "SELECT 1 FROM accounts_user WHERE email = 'x@example.org'") == []

    def test_a_password_is_never_an_argument(self, server: Server) -> None:
        assert "--password-stdin" in refused(server, "user", "create", "x", "--email", "x@example.org", code=2)


class TestTokens:
    def test_only_the_token_is_printed(self, server: Server) -> None:
        publish(server, "tokens_demo")
        done = server.command("token", "create", "ALICE", "--project", "Tokens.Demo", "--description", "for tests")
        assert (done.stdout.startswith("entrepot-"), done.stdout.count("\n"), done.stderr) == (True, 1, "")

    def test_no_token(self, server: Server) -> None:
        count = inside.query(server, "SELECT count(*) FROM accounts_token")
        assert refused(server, "token", "create", "nobody") == "Error: There is no user named 'nobody'.\n"
        assert (
            refused(server, "token", "create", "alice", "--project", "nothing")
            == "Error: There is no project named 'nothing'.\n"
        )
        assert "--expires-in-days" in refused(server, "token", "create", "alice", "--expires-in-days", "0", code=2)
        assert inside.query(server, "SELECT count(*) FROM accounts_token") == count


class TestProjects:
    def test_yank_a_release(self, server: Server) -> None:
        publish(server, "yanked", "py3-none-any", "py2-none-any")
        server.command("yank", "Yanked", "1", "--reason", " it is\nbroken ", "--by", "alice")
        assert [file["yanked"] for file in server.page("yanked")["files"]] == ["it is broken"] * 2
        assert server.get("/pypi/yanked/1.0/json").json()["info"]["yanked_reason"] == "it is broken"
        assert refused(server, "yank", "yanked", "1.0") == "Error: Release 1.0 is yanked already.\n"
        server.command("unyank", "yanked", "1.0", "--reason", "repaired")
        assert [file["yanked"] for file in server.page("yanked")["files"]] == [False] * 2
        assert refused(server, "unyank", "yanked", "1.0") == "Error: Release 1.0 is not yanked.\n"
        noted = inside.query(
            server,
            "SELECT action, reason, by_id IS NULL FROM journal_entry WHERE name = 'yanked' ORDER BY -serial LIMIT 2",
        )
        assert noted == [("unyank release", "repaired", 1), ("yank release", "it is broken", 0)]

    def test_yank_a_file(self, server: Server) -> None:
        publish(server, "oneyanked", "py3-none-any", "py2-none-any")
        filename = "oneyanked-1.0-py3-none-any.whl"
        server.command("yank", "oneyanked", "1.0", filename)
        assert [file["yanked"] for file in server.page("oneyanked")["files"]] == [False, True]
        assert refused(server, "yank", "oneyanked", "1.0", filename) == f"Error: File {filename} is yanked already.\n"
        server.command("unyank", "oneyanked", "1.0", filename)
        assert [file["yanked"] for file in server.page("oneyanked")["files"]] == [False, False]
        said = refused(server, "unyank", "oneyanked", "1.0", filename)
        assert said == f"Error: File {filename} is not yanked by itself.\n"

    def test_delete(self, server: Server) -> None:
        publish(server, "deleted", "py3-none-any", "py2-none-any")
        path = server.get("/pypi/deleted/json").json()["urls"][0]["url"].removeprefix(server.url)
        server.command("delete", "deleted", "1.0", path.rpartition("/")[2], "--by", "alice")
        assert len(server.page("deleted")["files"]) == 1
        assert server.get(path).status == 404
        server.command("delete", "deleted", "1.0")
        assert server.page("deleted")["versions"] == []
        assert server.get("/pypi/deleted/json").status == 404
        server.command("delete", "deleted")
        assert server.get("/simple/deleted/").status == 404
        assert refused(server, "delete", "deleted") == "Error: There is no project named 'deleted'.\n"

    def test_status(self, server: Server) -> None:
        publish(server, "marked")
        server.command("status", "marked", "deprecated", "--reason", "use another", "--by", "alice")
        page = server.page("marked")
        assert page["project-status"] == {"status": "deprecated", "reason": "use another"}
        said = refused(server, "status", "marked", "deprecated", "--reason", "use another")
        assert said == "Error: marked is deprecated already.\n"
        server.command("status", "marked", "quarantined")
        assert server.page("marked")["files"] == []
        server.command("status", "marked", "active")
        assert len(server.page("marked")["files"]) == 1
        assert "nonsense" in refused(server, "status", "marked", "nonsense", code=2)

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("yank", "nothing", "1.0"), "There is no project named 'nothing'."),
            (("status", "x-", "active"), "'x-' is not a project name"),
            (("yank", "named", "2.0"), "named has no release 2.0."),
            (("unyank", "named", "x"), "'x' is not a version"),
            (("delete", "named", "1.0", "x.whl"), "Release 1.0 has no file 'x.whl'."),
            (("delete", "named", "--by", "nobody"), "There is no user named 'nobody'."),
        ],
    )
    def test_wrong_names(self, server: Server, arguments: tuple[str, ...], sentence: str) -> None:
        if server.get("/simple/named/").status == 404:
            publish(server, "named")
        before = inside.trace(server)
        assert refused(server, *arguments).startswith(f"Error: {sentence}")
        assert inside.trace(server) == before

    def test_policy(self, server: Server) -> None:
        assert server.command("policy").stdout == "public\n"
        assert "strict" in refused(server, "policy", "strict", code=2)


class TestImport:
    def test_a_folder(self, server: Server, tmp_path: Path) -> None:
        good = [forge.wheel("imported"), forge.sdist("imported"), forge.wheel("imported", "1.1")]
        for built in (*good, forge.Built("imported-1.2.tar.gz", b"nonsense"), forge.Built("x.whl", b"")):
            (tmp_path / built.filename).write_bytes(built.data)
        (tmp_path / "README.txt").touch()
        (tmp_path / "imported-0.9-py3-none-any.whl").mkdir()
        (tmp_path / "imported-0.8-py3-none-any.whl").symlink_to("nowhere")
        done = server.command("import", str(tmp_path), "--by", "alice", check=False)
        assert done.returncode == 1
        assert done.stdout.splitlines()[-1] == "Imported 3 files; 4 refused."
        named = ["imported-0.8-py3-none-any.whl", "imported-0.9-py3-none-any.whl", "imported-1.2.tar.gz", "x.whl"]
        assert [line.partition(": ")[0] for line in done.stdout.splitlines()[:-1]] == named
        shown = [file["filename"] for file in server.page("imported")["files"]]
        assert sorted(shown) == sorted(built.filename for built in good)
        roles = server.get("/pypi/imported/json").json()["ownership"]["roles"]
        assert roles == [{"role": "Owner", "user": "alice"}]

    def test_again_and_by_nobody(self, server: Server, tmp_path: Path) -> None:
        built = forge.wheel("reimported")
        (tmp_path / built.filename).write_bytes(built.data)
        for _ in range(2):
            assert server.command("import", str(tmp_path)).stdout == "Imported 1 files; 0 refused.\n"
        assert server.get("/pypi/reimported/json").json()["ownership"]["roles"] == []
        assert len(server.page("reimported")["files"]) == 1
        assert "not-here" in refused(server, "import", str(tmp_path / "not-here"), code=2)

    def test_not_even_the_operator_gives_a_name_twice(self, server: Server, tmp_path: Path) -> None:
        publish(server, "notagain")
        server.command("delete", "notagain")
        built = forge.wheel("notagain", "2.0")
        (tmp_path / built.filename).write_bytes(built.data)
        done = server.command("import", str(tmp_path), check=False)
        assert done.stdout.splitlines() == [
            f"{built.filename}: {DELETED.format('notagain')}",
            "Imported 0 files; 1 refused.",
        ]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An installation with one project, without a server."""
    folder = tmp_path / "files"
    folder.mkdir()
    for built in (forge.wheel("demo"), forge.sdist("demo")):
        (folder / built.filename).write_bytes(built.data)
    run(tmp_path / "data", "import", str(folder))
    return tmp_path / "data"


PAGE = layout.project_page(ProjectName("demo"), Form.JSON)


class TestVerify:
    def test_what_is_wrong_is_named_and_what_can_be_is_repaired(self, data: Path) -> None:
        clean = run(data, "verify")
        assert clean.stdout == "Published up to serial 4 of 4; 0 found wrong.\n"
        store = FileStore(data / "store")

        changed, stray = PAGE.key, layout.project_page(ProjectName("stray"), Form.JSON).key
        missing = layout.project_json(ProjectName("demo")).key
        for key in (changed, stray):
            store.put_page(key, Page.of(b"{}", serial=4, last_serial=4))
        (data / "store" / missing).unlink()
        corrupt, sidecar = _files_in(data)
        whole, metadata = corrupt.read_bytes(), sidecar.read_bytes()
        corrupt.write_bytes(whole[:-1] + b"x")
        sidecar.unlink()

        done = run(data, "verify", check=False)
        assert done.returncode == 1
        *complaints, last = done.stdout.splitlines()
        assert last == "Published up to serial 4 of 4; 5 found wrong."
        keys = [str(path.relative_to(data / "store")) for path in (corrupt, sidecar)]
        assert sorted(line.partition(": ")[0] for line in complaints) == sorted([changed, stray, missing, *keys])

        assert run(data, "rebuild").stdout.endswith(" documents; 0 failed and stay owed.\n")
        *complaints, last = run(data, "verify", check=False).stdout.splitlines()
        assert sorted(line.partition(": ")[0] for line in complaints) == sorted(keys)
        corrupt.write_bytes(whole)
        sidecar.write_bytes(metadata)
        assert run(data, "verify").returncode == 0

    def test_a_store_that_takes_nothing_for_a_while(self, data: Path) -> None:
        with inside.obstructed(data, "demo"):
            yanked = run(data, "yank", "demo", "1.0")
            assert (
                "Recorded; readers will see it as soon as the store and the caches in front take it.\n" in yanked.stderr
            )
            assert run(data, "verify", check=False).returncode == 1
            failed = run(data, "rebuild", check=False)
            assert failed.returncode == 1
            assert failed.stdout.endswith(" documents; 1 failed and stay owed.\n")
        assert run(data, "rebuild").returncode == 0
        assert run(data, "verify").returncode == 0


def _files_in(data: Path) -> tuple[Path, Path]:
    """The stored wheel and its sidecar."""
    packages = data / "store" / "packages"
    (wheel,) = packages.rglob("*.whl")
    place: Place = layout.sidecar("".join(wheel.parent.relative_to(packages).parts), wheel.name)
    return wheel, data / "store" / place.key


@pytest.mark.embedded
class TestEnvironment:
    def test_the_data_directory_by_a_variable(self, data: Path, tmp_path: Path) -> None:
        environ = environment(ENTREPOT_DATA=str(data))
        done = subprocess.run(
            [*ENTREPOT, "verify"], env=environ, cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert done.stdout == "Published up to serial 4 of 4; 0 found wrong.\n"
        assert not (tmp_path / "entrepot.sqlite3").exists()

    def test_the_option_comes_first(self, data: Path, tmp_path: Path) -> None:
        environ = environment(ENTREPOT_DATA=str(tmp_path / "another"))
        done = subprocess.run(
            [*ENTREPOT, "--data", str(data), "verify"], env=environ, capture_output=True, text=True, check=True
        )
        assert done.stdout == "Published up to serial 4 of 4; 0 found wrong.\n"
        assert not (tmp_path / "another").exists()

    def test_a_database_that_is_up_to_date(self, data: Path) -> None:
        for _ in range(2):
            assert run(data, "migrate").stdout == ""
        run(data, "rebuild")  # the links begin with the server's URL now
        assert run(data, "verify").returncode == 0

    def test_a_file_is_no_directory(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        done = run(tmp_path / "file", "verify", check=False)
        assert done.returncode == 2
        assert "is a file" in done.stderr
