"""An installation as YAML: equal values give equal octets."""

from collections.abc import Mapping
from typing import Any

from hauberk_cli.install.expressions import Release, resolved
from hauberk_cli.install.objects.definitions import definitions
from hauberk_cli.install.objects.parts import installed_parts
from hauberk_cli.install.values import Values, plain_values
from hauberk_cli.install.yaml_text import write_yaml


def manifests(values: Values, namespace: str) -> list[Mapping[str, Any]]:
    """What the chart makes of these values, in the order in which it is applied."""
    release = Release(namespace, plain_values(values))
    found: list[Mapping[str, Any]] = []
    for parts in installed_parts().values():
        for part in parts:
            if part.condition is None or part.condition.resolve(release):
                manifest = resolved(part.manifest, release)
                assert isinstance(manifest, Mapping)
                found.append(manifest)
    return found


def namespace_manifest(namespace: str) -> Mapping[str, Any]:
    """Where control is installed, held to the Pod Security Standard `restricted`."""
    standard = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": standard}}


def everything(values: Values, namespace: str) -> list[Mapping[str, Any]]:
    """The namespace and the definitions of our kinds, and then the rest."""
    return [namespace_manifest(namespace), *definitions(), *manifests(values, namespace)]


def render(values: Values, namespace: str) -> str:
    """Everything as YAML."""
    return "".join([f"---\n{write_yaml(manifest)}" for manifest in everything(values, namespace)])
