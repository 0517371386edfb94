"""What lies in deploy/, as values."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
BASE, EXAMPLE, MONITORING = (DEPLOY / "kubernetes" / each for each in ("base", "overlays/example", "monitoring"))
COMPOSE = DEPLOY / "compose/compose.yaml"
IMAGE = "entrepot"

Manifest = dict[str, Any]


def manifests(directory: Path) -> list[Manifest]:
    """The resources of a kustomization, as they are written."""
    listed = yaml.safe_load((directory / "kustomization.yaml").read_text())["resources"]
    files = [directory / each for each in listed if each.endswith(".yaml")]
    return [document for file in files for document in yaml.safe_load_all(file.read_text())]


def resources() -> list[Manifest]:
    """Everything that the example applies, but for what the Prometheus operator defines."""
    return [*manifests(BASE), *manifests(EXAMPLE)]


def name_of(manifest: Manifest) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def pods() -> Iterator[tuple[Manifest, Manifest, Manifest]]:
    """Each resource that makes Pods, with their labels and their specification."""
    for each in resources():
        spec = each.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if template:
            yield each, template["metadata"]["labels"], template["spec"]


def services() -> dict[str, Manifest]:
    """The services of the compose file; YAML's merge keys are resolved."""
    return dict(yaml.safe_load(COMPOSE.read_text())["services"])
