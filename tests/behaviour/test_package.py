"""Entrepot is a package like others: it builds, installs, and can be published on itself."""

import os
import subprocess
import sys
from pathlib import Path

from entrepot import __version__
from serving import Server
from uploading import upload

ROOT = Path(__file__).parent.parent.parent


def test_it_is_published_on_itself_and_installed_from_there(server: Server, tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    built = sorted(tmp_path.iterdir())
    assert [each.suffix for each in built] == [".whl", ".gz"]
    for each in built:
        answer = upload(server, each.name, each.read_bytes(), name="entrepot", version=__version__)
        assert answer.status == 200, answer.text

    target = tmp_path / "target"
    index = ["--isolated", "--index-url", f"{server.url}/simple/", "--only-binary", ":all:"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", *index, "--no-deps", "--target", str(target), "entrepot"]
    subprocess.run(pip, check=True, capture_output=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    told = subprocess.run(
        [sys.executable, "-P", "-c", "import entrepot.cli as cli; print(cli.__file__); cli.main(['--version'])"],
        env={**environment, "PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert told[0].startswith(str(target))
    assert __version__ in told[1]
    for resource in ("web/templates/front.html", "web/static/entrepot/site.css", "projects/migrations/0001_initial.py"):
        assert (target / "entrepot" / resource).is_file()
