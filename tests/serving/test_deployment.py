"""What operators deploy: manifests that Kubernetes takes, files that exist, panels of what is counted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from serving.metrics import Metrics

ROOT = Path(__file__).parents[2]
DEPLOYMENT = ROOT / "serving" / "deployment"
MANIFESTS = sorted((DEPLOYMENT / "kubernetes").glob("*.yaml"))
VERSION = kubernetes_validate.latest_version()


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def pods() -> list[dict[str, Any]]:
    specs = [document["spec"] for path in MANIFESTS for document in documents(path) if "spec" in document]
    found = [spec["template"]["spec"] for spec in specs if "template" in spec]
    found += [spec["jobTemplate"]["spec"]["template"]["spec"] for spec in specs if "jobTemplate" in spec]
    return found


def faults(document: dict[str, Any]) -> str:
    """What Kubernetes would say against a manifest; nothing when it takes it."""
    try:
        kubernetes_validate.validate(document, VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        return str(error.message)
    return ""


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_manifest_is_what_kubernetes_takes(path: Path) -> None:
    assert documents(path)
    for document in documents(path):
        assert not faults(document)


def test_a_misspelt_manifest_would_be_refused() -> None:
    wrong = documents(DEPLOYMENT / "kubernetes" / "deployment.yaml")[0] | {"spek": {}}
    assert "spek" in faults(wrong)


def test_every_container_is_locked_down_and_bounded() -> None:
    assert len(pods()) == 2
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"]
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert not container["securityContext"]["allowPrivilegeEscalation"]
            assert "memory" in container["resources"]["limits"]


def test_the_service_is_asked_for_readiness_where_it_answers() -> None:
    service = next(pod for pod in pods() if "initContainers" in pod)["containers"][0]
    paths = {probe: service[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert paths == {"startupProbe": "/readyz", "readinessProbe": "/readyz", "livenessProbe": "/healthz"}


def test_the_image_copies_what_exists_and_no_more_than_the_service_needs() -> None:
    text = (DEPLOYMENT / "Containerfile").read_text(encoding="utf-8")
    copied = re.findall(r"^COPY (?!--from)(\S+) ", text, re.MULTILINE)
    assert all((ROOT / path).exists() for path in copied)
    assert not {"training", "tests", "notebooks", "benchmarks", "var"} & set(copied)
    assert "USER 10001" in text
    assert "--require-hashes" in text


def test_compose_starts_the_service_after_what_it_needs_and_keeps_no_secret() -> None:
    compose = documents(DEPLOYMENT / "compose.yaml")[0]
    assert set(compose["services"]["service"]["depends_on"]) == {"database", "vault", "fetch"}
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            assert "PASSWORD" not in name or value.startswith("${")
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert source in compose["volumes"] or (DEPLOYMENT / source).exists()


def test_every_panel_and_every_rule_asks_for_what_is_counted(release: Any) -> None:
    board = json.loads((DEPLOYMENT / "grafana.json").read_text(encoding="utf-8"))
    [rules] = documents(DEPLOYMENT / "rules.yaml")[0]["groups"]
    woken = {name for rule in rules["rules"] for name in re.findall(r"tarve_\w+", rule["expr"])}
    shown = woken | {
        name
        for panel in board["panels"]
        for target in panel["targets"]
        for name in re.findall(r"tarve_\w+", target["expr"])
    }
    metrics = Metrics()
    metrics.runs(release.name, release.version, None)
    metrics.know(["/v1/assess"])
    metrics.request("/v1/assess", 200, 0.01)
    metrics.assessment("assessed", "light")
    counted = set(re.findall(r"^(tarve_\w+)", metrics.text().decode(), re.MULTILINE))
    assert {name for name in shown if not name.startswith("tarve_monitor_")} <= counted
    assert {panel["id"] for panel in board["panels"]} == set(range(1, len(board["panels"]) + 1))
