"""What injection makes of pods is what the files say, a second pass changes nothing, and the pod's own parts stay."""

from typing import Any

import msgspec
import pytest
from injection_cases import FOLDER, load, names, output, patched, with_defaults
from json_patch import apply_patch

from hauberk_control.inject.inject import Injected

PROBES = {"livenessProbe", "readinessProbe", "startupProbe"}


# The others are refused, or left alone.
INJECTED = [name for name in names() if "\nspec:" in (FOLDER / f"{name}.out.yaml").read_text()]


def injected(name: str) -> Injected:
    result = load(name).run()
    assert isinstance(result, Injected)
    return result


@pytest.mark.parametrize("name", names())
def test_the_result_is_as_the_file_has_it(name: str) -> None:
    assert (FOLDER / f"{name}.out.yaml").read_text() == output(load(name)), "write it anew: make golden"


@pytest.mark.parametrize("name", INJECTED)
def test_a_second_pass_over_the_pod_with_api_defaults_patches_nothing(name: str) -> None:
    case = load(name)
    again = case.run(with_defaults(patched(case, injected(name))))
    assert isinstance(again, Injected)
    assert again.patch == []


@pytest.mark.parametrize("name", INJECTED)
def test_what_the_pod_brought_stays(name: str) -> None:
    case = load(name)
    after = patched(case, injected(name))
    assert parts(after, ours=False) == parts(case.pod, ours=False)
    before = {key: value for key, value in case.pod["spec"].items() if not isinstance(value, list)}
    assert {key: after["spec"][key] for key in before} == before


def parts(pod: dict[str, Any], *, ours: bool) -> list[dict[str, Any]]:
    """The containers, without probes, and the volumes that are not ours, in their order."""
    spec = pod["spec"]
    found = [*spec.get("initContainers", ()), *spec["containers"], *spec.get("volumes", ())]
    others = [part for part in found if part["name"].startswith(("hauberk-", "istio-proxy", "ca")) is ours]
    return [{key: value for key, value in part.items() if key not in PROBES} for part in others]


def test_a_moved_sidecar_is_put_first_again() -> None:
    case = load("init-containers")
    pod = patched(case, injected("init-containers"))
    inits = pod["spec"]["initContainers"]
    pod["spec"]["initContainers"] = [*inits[2:], *inits[:2]]
    repaired = case.run(pod)
    assert isinstance(repaired, Injected)
    order = apply_patch(pod, msgspec.to_builtins(repaired.patch))["spec"]["initContainers"]
    assert [each["name"] for each in order] == ["hauberk-init", "hauberk-proxy", "migrate", "warm"]


def test_a_probe_with_a_dollar_sign_survives_the_kubelets_expansion() -> None:
    case = load("deployment")
    case.pod["spec"]["containers"][0]["livenessProbe"] = {"httpGet": {"path": "/$(POD_IP)/$$", "port": 80}}
    result = case.run()
    assert isinstance(result, Injected)
    sidecar = patched(case, result)["spec"]["initContainers"][1]
    value = next(entry["value"] for entry in sidecar["env"] if entry["name"] == "HAUBERK_PROBES")
    assert "$" not in value
    assert msgspec.json.decode(value)["/app-health/reviews/livez"]["httpGet"]["path"] == "/$(POD_IP)/$$"
