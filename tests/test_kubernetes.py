"""The manifests: valid by Kubernetes' own schemas, hardened, and of one mind with the program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from monitor import config
from monitor.roles import Role, read_roles
from rules.load import Surroundings, load_texts

FOLDER = Path(__file__).parents[1] / "deploy" / "kubernetes"
VERSIONS = ("1.29", "1.37")


def load(path: Path) -> list[dict[str, Any]]:
    return list(YAML(typ="safe", pure=True).load_all(path.read_text()))


def resources() -> list[dict[str, Any]]:
    (kustomization,) = load(FOLDER / "kustomization.yaml")
    return [one for name in kustomization["resources"] for one in load(FOLDER / name)]


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in resources() if one["kind"] == kind}


def container(deployment: dict[str, Any]) -> dict[str, Any]:
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(found)


def test_all_files_are_named() -> None:
    (kustomization,) = load(FOLDER / "kustomization.yaml")
    assert {*kustomization["resources"], "kustomization.yaml", "gpu.yaml"} == {path.name for path in FOLDER.iterdir()}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_manifests_are_valid(version: str) -> None:
    for one in resources():
        kubernetes_validate.validate(one, version, strict=True)


def test_a_wrong_manifest_is_seen() -> None:
    wrong = of_kind("Deployment")["wirewatch-collect"]
    wrong["spec"]["template"]["spec"]["containers"][0]["livenessprobe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_every_role_has_workers_that_the_rest_does_not_miss() -> None:
    deployments, budgets = of_kind("Deployment"), of_kind("PodDisruptionBudget")
    done = [read_roles(container(one)["args"][-1]) for one in deployments.values()]
    assert sorted(role for roles in done for role in roles) == sorted(Role)
    assert deployments.keys() == budgets.keys()
    for name, one in deployments.items():
        labels, spec = one["spec"]["template"]["metadata"]["labels"], budgets[name]["spec"]
        assert one["spec"]["selector"]["matchLabels"] == labels == spec["selector"]["matchLabels"]
        assert 0 < spec["minAvailable"] < one["spec"]["replicas"], "a node can be drained"
        assert one["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > 20
    components = {one["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"] for one in deployments.values()}
    assert {one["spec"]["selector"]["app.kubernetes.io/component"] for one in of_kind("Service").values()} <= components


def test_pods_have_no_more_rights_than_they_need() -> None:
    for deployment in of_kind("Deployment").values():
        pod, box = deployment["spec"]["template"]["spec"], container(deployment)
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        assert box["securityContext"]["readOnlyRootFilesystem"] and not box["securityContext"]["allowPrivilegeEscalation"]
        assert box["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert box["resources"]["limits"]["memory"] and box["resources"]["requests"].keys() == {"cpu", "memory"}
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= box.keys()
        writable = {mount["name"] for mount in box["volumeMounts"] if not mount.get("readOnly")}
        assert {volume["name"] for volume in pod["volumes"] if "emptyDir" in volume} == writable


def test_the_configuration_is_one_and_holds_no_secret(tmp_path: Path) -> None:
    maps = of_kind("ConfigMap")
    (tmp_path / "wirewatch.yaml").write_text(maps["wirewatch"]["data"]["wirewatch.yaml"])
    checked = config.load(tmp_path / "wirewatch.yaml", secrets="warning")
    assert checked.config is not None, checked.problems
    assert {p.severity for p in checked.problems} <= {"warning"}, "that the secrets are elsewhere"
    secrets = {checked.config.storage_password, checked.config.web and checked.config.web.token}
    assert all(str(FOLDER) not in str(one) and "/run/secrets/wirewatch/" in str(one) for one in secrets)
    loaded = load_texts(maps["wirewatch-rules"]["data"], Surroundings(frozenset(checked.config.notifiers)))
    assert loaded.rules and not loaded.problems
    assert not of_kind("Secret")
