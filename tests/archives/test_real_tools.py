"""What a real back end writes is taken."""

from pathlib import Path
from typing import Literal

import pytest
from build import ProjectBuilder

from archives.forge import Built
from archives.opening import opened

PYPROJECT = """
[build-system]
requires = ["flit_core"]
build-backend = "flit_core.buildapi"
[project]
name = "demo"
version = "1.0"
description = "A demonstration"
license = "MIT"
license-files = ["LICENSE"]
dependencies = ["other>=1"]
scripts = { demo = "demo:main" }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "LICENSE").write_text("free")
    (tmp_path / "demo.py").write_text("def main(): ...\n")
    return tmp_path


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_takes_what_flit_builds(project: Path, kind: Literal["wheel", "sdist"]) -> None:
    path = Path(ProjectBuilder(project).build(kind, project / "dist"))
    distribution = opened(Built(path.name, path.read_bytes()))
    assert distribution.metadata.license_files == ("LICENSE",)
    assert distribution.metadata.requires_dist == ("other>=1",)
