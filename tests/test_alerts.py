"""Every alarm asks for figures that exist, and leads to a page that helps."""

import ast
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from deploying import DEPLOY, ROOT

ALERTS = DEPLOY / "prometheus/alerts.yaml"


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def metrics() -> re.Pattern[str]:
    """The names of all figures of ours, as Prometheus sees them, by the calls that make them."""
    names = []
    for path in (ROOT / "src/entrepot").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args:
                maker = ast.unparse(node.func).rpartition(".")[2]
                if maker in _SUFFIXES and isinstance(node.args[0], ast.Constant | ast.JoinedStr):
                    names.append(_pattern(node.args[0], *_SUFFIXES[maker]))
    return re.compile("|".join(names))


_SUFFIXES = {
    "Counter": ("", "_total"),
    "_Durations": ("", "_(bucket|sum|count)"),
    "Histogram": ("", "_(bucket|sum|count)"),
    "gauge": ("entrepot_", ""),
}


def _pattern(name: ast.Constant | ast.JoinedStr, prefix: str, suffix: str) -> str:
    if isinstance(name, ast.Constant):
        return f"{prefix}{name.value!s}{suffix}"
    parts = [str(part.value) if isinstance(part, ast.Constant) else "[a-z]+" for part in name.values]
    return f"{prefix}{''.join(parts)}{suffix}"


OTHERS = {  # what Prometheus itself and other exporters tell
    *("up", "probe_success", "probe_ssl_earliest_cert_expiry", "node_filesystem_avail_bytes"),
    *("node_filesystem_size_bytes", "node_systemd_timer_last_trigger_seconds", "node_systemd_unit_state"),
    "kube_cronjob_status_last_successful_time",
}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_alarm_asks_for_figures_that_exist_and_has_a_runbook(rule: dict[str, Any]) -> None:
    labels_gone = re.sub(r"\{[^}]*\}|\bby \([^)]*\)|\[[^]]*\]", "", rule["expr"])
    functions = {"sum", "max", "rate", "increase", "absent", "time", "histogram_quantile", "or", "and"}
    asked = set(re.findall(r"\b[a-z_]+\b", labels_gone)) - functions
    assert asked
    for name in asked - OTHERS:
        assert metrics().fullmatch(name), name
    assert rule["labels"]["severity"] in {"page", "ticket"}
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert anchor == rule["alert"].lower()
    runbook = (ROOT / page).read_text().partition(f"\n### {rule['alert']}\n")[2].partition("\n### ")[0]
    for question in ("Means", "Noticed by", "Look", "Do", "Over when"):
        assert f"- **{question}**: " in runbook, question


def test_no_runbook_is_without_its_alarm() -> None:
    alarms = re.findall(r"^### (Entrepot\w+)$", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    assert alarms == [rule["alert"] for rule in rules()]


def test_the_guide_to_operations_names_figures_that_exist() -> None:
    named = set(re.findall(r"\bentrepot_[a-z_]+", (ROOT / "docs/operations.md").read_text()))
    assert [name for name in named if not metrics().fullmatch(name)] == []


@pytest.mark.skipif(not shutil.which("promtool"), reason="prometheus is not installed")
def test_prometheus_takes_the_rules_and_they_ring() -> None:
    subprocess.run(["promtool", "check", "rules", ALERTS], check=True, capture_output=True)
    subprocess.run(["promtool", "test", "rules", ALERTS.with_name("alerts_test.yaml")], check=True, capture_output=True)
