"""The manifests fit together: without a cluster to apply them to."""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from deploying import BASE, DEPLOY, EXAMPLE, IMAGE, MONITORING, Manifest, manifests, name_of, pods, resources
from entrepot import __version__

CONTROL = {"web", "work", "migrate", "backup"}  # the parts that know the database
# Secrets are made by hand; deploy/README.md says which, with these keys.
EXPECTED = re.compile(r"^\| `(entrepot[a-z-]*)` \| ([^|]*) \|", re.MULTILINE)
KUBERNETES = ["1.30", kubernetes_validate.latest_version()]  # the oldest we name, and the newest there is a schema for


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("manifest", resources(), ids=name_of)
def test_manifests_follow_their_schemas(manifest: Manifest, version: str) -> None:
    assert kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("directory", [BASE, EXAMPLE, MONITORING], ids=lambda path: path.name)
def test_every_file_is_listed_and_every_listed_file_is_there(directory: Path) -> None:
    listed = yaml.safe_load((directory / "kustomization.yaml").read_text())["resources"]
    assert all((directory / each).exists() for each in listed)
    assert {path.name for path in directory.glob("*.yaml")} - {"kustomization.yaml"} == {
        each for each in listed if each.endswith(".yaml")
    }


@cache
def settings() -> dict[str, str]:
    """The ConfigMap that the base generates."""
    (generated,) = yaml.safe_load((BASE / "kustomization.yaml").read_text())["configMapGenerator"]
    assert generated["name"] == "entrepot"
    return dict(literal.split("=", 1) for literal in generated["literals"])


def test_the_example_changes_only_settings_that_the_base_has() -> None:
    (merged,) = yaml.safe_load((EXAMPLE / "kustomization.yaml").read_text())["configMapGenerator"]
    assert (merged["name"], merged["behavior"]) == ("entrepot", "merge")
    assert {literal.partition("=")[0] for literal in merged["literals"]} <= set(settings())


def test_pods_name_only_what_is_there() -> None:
    secrets: dict[str, set[str]] = {}
    for name, keys in EXPECTED.findall((DEPLOY / "README.md").read_text()):
        secrets.setdefault(name, set()).update(re.findall("`([^`]*)`", keys))
    used: set[tuple[str, str]] = set()
    claims = {each["metadata"]["name"] for each in resources() if each["kind"] == "PersistentVolumeClaim"}
    accounts = {each["metadata"]["name"] for each in resources() if each["kind"] == "ServiceAccount"}
    for _, _, pod in pods():
        assert pod["serviceAccountName"] in accounts
        volumes = {volume["name"] for volume in pod["volumes"]}
        assert {
            volume["persistentVolumeClaim"]["claimName"]
            for volume in pod["volumes"]
            if "persistentVolumeClaim" in volume
        } <= claims
        for container in pod["containers"]:
            assert container["image"] == IMAGE
            assert container["envFrom"] == [{"configMapRef": {"name": "entrepot"}}]
            assert {mount["name"] for mount in container["volumeMounts"]} == volumes
            references = [each["valueFrom"]["secretKeyRef"] for each in container["env"]]  # never a value
            used |= {(each["name"], each["key"]) for each in references}
            assert not {each["name"] for each in container["env"]} & set(settings())
    documented = {(name, key) for name, keys in secrets.items() for key in keys}
    assert used == {each for each in documented if each[0] != "entrepot-tls"}


def test_the_read_plane_has_neither_secret_nor_database_nor_a_way_there() -> None:
    wanted = {
        labels["app.kubernetes.io/component"]: {each["name"] for each in pod["containers"][0]["env"]}
        for _, labels, pod in pods()
    }
    known = {part for part, names in wanted.items() if {"ENTREPOT_DATABASE_URL", "ENTREPOT_SECRET"} & names}
    assert known == CONTROL
    assert set(wanted) - known == {"edge"}
    policies = {each["metadata"]["name"]: each["spec"] for each in resources() if each["kind"] == "NetworkPolicy"}
    (selected,) = policies["entrepot-control"]["podSelector"]["matchExpressions"]
    assert set(selected["values"]) == CONTROL
    open_to_all = {port["port"] for rule in policies["entrepot-default"]["egress"] for port in rule["ports"]}
    assert open_to_all == {53, 443}


def test_pods_keep_the_restricted_standard() -> None:
    (namespace,) = (each for each in resources() if each["kind"] == "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for _, _, pod in pods():
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert "memory" in container["resources"]["limits"]
        assert all("emptyDir" not in volume or volume["emptyDir"]["sizeLimit"] for volume in pod["volumes"])


def test_labels_select_what_they_mean() -> None:
    made = {name_of(owner): labels for owner, labels, _ in pods()}
    for each in resources():
        spec = each.get("spec", {})
        selector = spec.get("selector", {})
        if each["kind"] in {"Deployment", "PodDisruptionBudget"}:
            selector = selector["matchLabels"]
        if selector:
            deployment = f"Deployment/{each['metadata']['name']}"
            chosen = [owner for owner, labels in made.items() if selector.items() <= labels.items()]
            assert chosen == [deployment], name_of(each)
        if each["kind"] == "HorizontalPodAutoscaler":
            assert f"Deployment/{spec['scaleTargetRef']['name']}" in made
        assert each["metadata"]["labels"]["app.kubernetes.io/name"] == "entrepot"
    for owner, labels, pod in pods():
        assert owner["metadata"]["labels"] == labels
        for constraint in pod.get("topologySpreadConstraints", []):
            assert constraint["labelSelector"]["matchLabels"] == labels


def test_ports_and_services_have_the_names_by_which_they_are_called() -> None:
    services = {each["metadata"]["name"]: each["spec"]["ports"] for each in resources() if each["kind"] == "Service"}
    for owner, _, pod in pods():
        if owner["kind"] != "Deployment":
            continue
        (container,) = pod["containers"]
        (port,) = container["ports"]
        arguments = container["args"]
        assert arguments[arguments.index("--port") + 1] == str(port["containerPort"])
        assert arguments[arguments.index("--host") + 1] == "0.0.0.0"  # noqa: S104
        probes = {name: container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
        assert {probe["port"] for probe in probes.values()} == {port["name"]}
        # Being unready all at once, because of what all share, must not take all out.
        assert [probe["path"] for probe in probes.values()] == ["/_ready/", "/_health/", "/_health/"]
        assert [each["targetPort"] for each in services[owner["metadata"]["name"]]] == [port["name"]]
    (ingress,) = (each for each in resources() if each["kind"] == "Ingress")
    for path in ingress["spec"]["rules"][0]["http"]["paths"]:
        service = path["backend"]["service"]
        assert service["port"]["name"] in {each["name"] for each in services[service["name"]]}
    (monitor,) = manifests(MONITORING)
    assert all(
        monitor["spec"]["selector"]["matchLabels"].items() <= each["metadata"]["labels"].items()
        for each in resources()
        if each["kind"] == "Service"
    )
    assert monitor["spec"]["endpoints"][0]["authorization"]["credentials"] == {
        "name": "entrepot",
        "key": "metrics-token",
    }


def test_the_migration_comes_after_what_it_needs_and_before_the_rest() -> None:
    (job,) = (each for each in resources() if each["kind"] == "Job")
    (generated,) = yaml.safe_load((BASE / "kustomization.yaml").read_text())["configMapGenerator"]
    waves = [each["annotations"]["argocd.argoproj.io/sync-wave"] for each in (generated["options"], job["metadata"])]
    assert waves == ["-2", "-1"]
    # What the README applies first, by label: all that Pods of the Job refer to.
    first = {
        name_of(each) for each in resources() if each["metadata"]["labels"]["app.kubernetes.io/component"] == "shared"
    }
    assert {"Namespace/entrepot", "ServiceAccount/entrepot", "NetworkPolicy/entrepot-control"} <= first
    assert generated["options"]["labels"]["app.kubernetes.io/component"] == "shared"


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kustomize_builds_the_example() -> None:
    built = subprocess.run(
        ["kubectl", "kustomize", EXAMPLE],
        env={**os.environ, "KUBECONFIG": "/dev/null"},
        capture_output=True,
        text=True,
        check=True,
    )
    documents = list(yaml.safe_load_all(built.stdout))
    assert {"ConfigMap", *(each["kind"] for each in resources())} == {each["kind"] for each in documents}
    assert all(kubernetes_validate.validate(each, KUBERNETES[0], strict=True) for each in documents)
    assert f"registry.example.org/{IMAGE}:{__version__}" in built.stdout


def test_nothing_in_deploy_is_a_secret() -> None:
    for path in (each for each in DEPLOY.rglob("*.yaml") if each.is_file()):
        for document in yaml.safe_load_all(path.read_text()):
            assert not isinstance(document, dict) or document.get("kind") != "Secret", path
