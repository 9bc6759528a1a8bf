"""What injection writes, the containers that it brings can read."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from injection_cases import load, names, output, patched

from hauberk_control.inject.inject import Injected
from hauberk_control.inject.proxy_container import capture_arguments
from hauberk_control.inject.values import all_or_ports, all_or_ranges, port_list, range_list
from hauberk_control.inject.wishes import Capture
from hauberk_core import pod
from hauberk_core.agent.pod.environment import PodEnvironment, read_environment
from hauberk_sidecar.capture.__main__ import read_capture

INJECTED = [name for name in names() if output(load(name)).startswith("warnings")]
FROM_THE_POD = {
    "metadata.name": "p",
    "metadata.namespace": "shop",
    "status.podIP": "10.0.0.9",
    "status.podIPs": "10.0.0.9,fd00::9",
    "spec.serviceAccountName": "default",
    "spec.nodeName": "node",
}


def containers(name: str) -> dict[str, dict[str, Any]]:
    case = load(name)
    result = case.run()
    assert isinstance(result, Injected)
    spec = patched(case, result)["spec"]
    return {each["name"]: each for each in (*spec.get("initContainers", ()), *spec["containers"])}


def started(container: dict[str, Any], root: Path) -> PodEnvironment:
    """What the proxy makes of its container, with the files that are mounted into it."""
    for folder, file in ((pod.ROOT_FOLDER, pod.ROOT_FILE), (pod.TOKEN_FOLDER, pod.TOKEN_FILE)):
        assert any(mount["mountPath"] == folder for mount in container["volumeMounts"])
        (root / folder[1:]).mkdir(parents=True)
        (root / folder[1:] / file).write_text("-")
    (root / pod.POD_FOLDER[1:]).mkdir(parents=True)
    for file in ("labels", "annotations"):
        (root / pod.POD_FOLDER[1:] / file).write_text('app="p"\n')
    environ = {
        entry["name"]: entry["value"] if "value" in entry else FROM_THE_POD[entry["valueFrom"]["fieldRef"]["fieldPath"]]
        for entry in container["env"]
    }
    return read_environment(container["command"][-1].removeprefix("hauberk_"), environ, root)


@pytest.mark.parametrize("name", INJECTED)
def test_the_proxy_reads_its_environment(name: str, tmp_path: Path) -> None:
    environment = started(containers(name)["hauberk-proxy"], tmp_path)
    assert environment.captured == (name not in {"gateway", "interception-none"})


@pytest.mark.parametrize("name", INJECTED)
def test_the_capture_container_reads_its_arguments(name: str) -> None:
    init = containers(name).get("hauberk-init")
    if init is None:
        assert name in {"gateway", "interception-none"} or name.endswith("-cni")
    else:
        _, only_print = read_capture(init["args"])
        assert not only_print


def test_probes_metrics_and_drain_arrive(tmp_path: Path) -> None:
    probes = started(containers("probes")["hauberk-proxy"], tmp_path / "probes").probes
    assert probes["/app-health/web/livez"].http_get is not None
    assert probes["/app-health/web/livez"].timeout_seconds == 5
    assert probes["/app-health/cache/livez"].tcp_socket is not None
    assert probes["/app-health/rpc/livez"].grpc is not None
    scrape = started(containers("prometheus")["hauberk-proxy"], tmp_path / "prometheus").scrape
    assert scrape == (9102, "/internal/metrics")
    assert started(containers("proxy-config")["hauberk-proxy"], tmp_path / "drain").drain_seconds == 20


ITEMS = st.lists(
    st.sampled_from(("80", " 65535", "1 ", "10.0.0.1/8", "fd00::/8", "192.0.2.1", "::1", "0.0.0.0/0", "x", "")), max_size=3
)


@given(ITEMS)
def test_what_an_annotation_may_say_capture_understands(items: list[str]) -> None:
    text = ",".join(items)
    accepted: list[str] = []
    for reader in (all_or_ports, port_list, port_list, port_list, all_or_ranges, range_list):
        try:
            accepted.append(reader(text))
        except ValueError:
            accepted.append("")
    read_capture(capture_arguments(Capture(*accepted)))
