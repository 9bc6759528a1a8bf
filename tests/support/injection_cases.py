"""Pods and what injection makes of them, as files beside each other: `NAME.in.yaml` and `NAME.out.yaml`.

An input's first document says what surrounds the pod, and in `about` what the case is for; the second is the pod. Where the first
names another case in `first`, the pod is that case's result, with API defaults, after another webhook has made the `changes`.

`make golden` writes the outputs anew; read the difference before you commit it.
"""

import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import yaml
from json_patch import apply_patch

from hauberk_control.inject.decide import Namespace
from hauberk_control.inject.inject import Cluster, Injected, Skipped, inject
from hauberk_control.inject.wishes import InjectionRefused
from hauberk_control.proxy_settings import ProxySettings

FOLDER: Final = Path(__file__).parents[1] / "unit/control/inject/golden"
# Fixed, so that the files outlive releases.
IMAGE: Final = "example.com/hauberk-proxy:1.0"


class Case(NamedTuple):
    """A pod and its surroundings."""

    name: str
    pod: dict[str, Any]
    namespace: Namespace
    settings: ProxySettings
    cluster: Cluster

    def run(self, pod: dict[str, Any] | None = None) -> Injected | Skipped:
        """Inject this pod, or another in its place. Raises: InjectionRefused."""
        return inject(self.pod if pod is None else pod, self.namespace, self.settings, self.cluster)


def names() -> list[str]:
    """All cases."""
    return sorted(path.name.removesuffix(".in.yaml") for path in FOLDER.glob("*.in.yaml"))


def load(name: str) -> Case:
    """Read a case."""
    documents = list(yaml.load_all((FOLDER / f"{name}.in.yaml").read_text(), yaml.CSafeLoader))
    around = documents[0]
    pod = documents[1] if len(documents) > 1 else _changed(around["first"], around["changes"])
    described = {"labels": {"istio-injection": "enabled"}, **around.get("namespace", {})}
    namespace = Namespace(described.get("name", "shop"), described["labels"], described.get("annotations", {}))
    settings = msgspec.convert({"image": IMAGE, **around.get("settings", {})}, ProxySettings)
    return Case(name, pod, namespace, settings, Cluster(around.get("nativeSidecars", True)))


def patched(case: Case, result: Injected) -> dict[str, Any]:
    """The pod with the patch applied."""
    pod: dict[str, Any] = apply_patch(case.pod, msgspec.to_builtins(result.patch))
    return pod


def output(case: Case) -> str:
    """What NAME.out.yaml should hold."""
    try:
        result = case.run()
    except InjectionRefused as refused:
        mistakes = [{"where": m.without_place().path, "what": m.message, "do": m.hint} for m in refused.mistakes]
        return _dump({"refused": mistakes})
    if isinstance(result, Skipped):
        return _dump({"skipped": result.reason, "warnings": result.warnings})
    return _dump({"warnings": result.warnings}, patched(case, result))


def with_defaults(pod: dict[str, Any]) -> dict[str, Any]:
    """The pod as the API server hands it to the next webhook: with some of the defaults that it fills in."""
    filled: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(pod))
    spec = filled["spec"]
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")
        container.setdefault("imagePullPolicy", "IfNotPresent")
        for member in ("livenessProbe", "readinessProbe", "startupProbe"):
            if member in container:
                container[member] = {"successThreshold": 1, "timeoutSeconds": 1, "periodSeconds": 10, **container[member]}
    for volume in spec.get("volumes", ()):
        for kind in ("configMap", "projected", "downwardAPI", "secret"):
            if kind in volume:
                volume[kind].setdefault("defaultMode", 420)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    return filled


def _changed(first: str, changes: list[dict[str, Any]]) -> dict[str, Any]:
    case = load(first)
    result = case.run()
    assert isinstance(result, Injected)
    pod: dict[str, Any] = apply_patch(with_defaults(patched(case, result)), changes)
    return pod


def _dump(*documents: object) -> str:
    written: str = yaml.dump_all(documents, Dumper=yaml.CSafeDumper, sort_keys=False, width=130, allow_unicode=True)
    return written


def main() -> int:
    """Write every output that differs, and name it."""
    for name in names():
        path = FOLDER / f"{name}.out.yaml"
        text = output(load(name))
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
