"""The documents say what the code does."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from entrepot.cli import main
from entrepot.edge.routes import owns
from entrepot.projects.models import Project, Status

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src/entrepot"
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
REFUSALS = {"Refused", "Forbidden", "Missing", "TooLarge", "TooMany", "Unavailable", "invalid"}


def text(name: str) -> str:
    return (ROOT / name).read_text()


def codes_raised() -> Iterator[str]:
    """The codes of all refusals in the source."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in REFUSALS
                and node.args
            ):
                code = node.args[0]
                if isinstance(code, ast.Constant) and isinstance(code.value, str):
                    yield code.value
    yield from (f"project-{status}" for status in Status.values if not Project(status=status).takes_uploads)


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """All commands that people see, with their full names."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        elif not command.hidden:
            yield " ".join((*path, name)), command


def test_every_code_of_a_refusal_is_documented_and_no_other() -> None:
    table = text("docs/api.md").partition("### Codes")[2].partition("\n## ")[0]
    documented = re.findall(r"`([a-z0-9-]+)`", table)
    assert sorted(documented) == sorted(set(codes_raised()))


@pytest.mark.parametrize(("name", "command"), [*commands(main)] if isinstance(main, click.Group) else [])
def test_every_command_and_its_options_are_in_the_guide(name: str, command: click.Command) -> None:
    guide = text("docs/guide.md")
    assert re.search(rf"(`|entrepot (--data \S+ )?){name}\b", guide), name
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            assert option.opts[-1] in guide, option.opts


def test_every_variable_is_in_the_guide_and_no_other() -> None:
    read = set(re.findall(r"ENTREPOT_[A-Z_]+", "".join(path.read_text() for path in SOURCE.rglob("*.py"))))
    assert set(re.findall(r"ENTREPOT_[A-Z_]+", text("docs/guide.md"))) == read - {"ENTREPOT_"}


def test_the_documented_urls_exist() -> None:
    digest = "ab" * 30
    values = {"NAME": "demo", "VERSION": "1.0", "FILENAME": "demo-1.0.tar.gz", "aa": "aa", "bb": "bb", "REST": digest}
    urls = re.findall(r"\| `H(/[^`]*)` \|", text("docs/api.md"))
    assert len(urls) == 7
    for url in urls:
        path = re.sub("|".join(values), lambda match: values[match[0]], url)
        assert owns(path), path


def test_the_map_is_short_and_names_what_is_there() -> None:
    page = text("ARCHITECTURE.md")
    assert len(page.splitlines()) <= 200
    floors = page.partition("## Floors")[2].partition("## The life of an upload")[0]
    named = set(re.findall(r"`([a-z_]+(?:\.py|/))`", floors)) | {"__init__.py", "__main__.py", "py.typed/"}
    there = {path.name if path.is_file() else f"{path.name}/" for path in SOURCE.iterdir()} - {
        "py.typed",
        "__pycache__/",
    }
    assert there <= named, there - named
    for name in re.findall(r"`([a-z_]+/[a-z_]+\.py)`", page):
        assert (SOURCE / name).is_file() or (ROOT / name).is_file(), name


def test_what_proves_the_defences_exists() -> None:
    cited = set(re.findall(r"`([a-z_/]+\.py)::(\w+)`", text("docs/security.md")))
    assert len(cited) > 70
    for path, name in sorted(cited):
        tree = ast.parse((ROOT / "tests" / path).read_text())
        found = {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.ClassDef)}
        assert name in found, (path, name)


def test_every_defence_has_a_proof_or_says_why_not() -> None:
    page = text("docs/security.md")
    wanted = [f"{letter}{n:02}" for letter, last in (("A", 24), ("B", 22), ("C", 15)) for n in range(1, last + 1)]
    assert [each for each in wanted if not re.search(rf"\b{each}\b", page)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_readme_names_the_commands_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)", text("README.md"))) <= targets
    first = text("README.md").partition("called `demo` here:")[2].strip().partition("\n\n")[0]
    assert len(first.splitlines()) == 6


def test_nothing_names_the_host_of_a_registry() -> None:
    names = (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("debian", "org"))
    hosts = re.compile("|".join(rf"{name}\.{end}" for name, end in names))
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert [path for path in tracked if hosts.search((ROOT / path).read_text(errors="replace"))] == []
