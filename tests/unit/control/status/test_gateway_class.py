"""Conditions of GatewayClasses, and what they claim."""

import msgspec
import pytest
from resource_scenarios import store_of

from hauberk_control.status.conditions import Condition
from hauberk_control.status.features import GATEWAY_FEATURES
from hauberk_control.status.gateway_class import class_status
from hauberk_core.resources import GatewayClass


def class_(more: str = "") -> GatewayClass:
    text = f"""
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: ours, generation: 4}}
spec: {{controllerName: hauberk.dev/gateway{more}}}
"""
    (found,) = store_of(text).of(GatewayClass)
    return found


def told(conditions: tuple[Condition, ...]) -> dict[str, tuple[str, str]]:
    assert {condition.observed_generation for condition in conditions} == {4}
    return {condition.type: (condition.status, condition.reason) for condition in conditions}


def test_a_class_is_accepted_and_says_what_it_supports() -> None:
    status = class_status(class_())
    assert told(status.conditions) == {"Accepted": ("True", "Accepted"), "SupportedVersion": ("True", "SupportedVersion")}
    written = msgspec.to_builtins(status)
    assert written["supportedFeatures"] == tuple({"name": name} for name in GATEWAY_FEATURES)


def test_parameters_of_classes_are_refused() -> None:
    status = class_status(class_(", parametersRef: {group: example.com, kind: Thing, name: x}"))
    assert told(status.conditions)["Accepted"] == ("False", "InvalidParameters")
    assert status.supported_features == ()


@pytest.mark.parametrize("version", ["v1.0.0", "v1.4.1", "v1.6.3", "v1.6.0-rc.2"])
def test_versions_of_gateway_api_that_are_known(version: str) -> None:
    assert told(class_status(class_(), [version]).conditions)["SupportedVersion"] == ("True", "SupportedVersion")


@pytest.mark.parametrize("version", ["", "v0.8.1", "v1.7.0", "v2.0.0", "1.6.3", "v1.6", "v1.6.3\n"])
def test_versions_of_gateway_api_that_are_not(version: str) -> None:
    status = class_status(class_(), ["v1.6.3", version])
    assert told(status.conditions)["SupportedVersion"] == ("False", "UnsupportedVersion")
    # What there is is served as well as can be.
    assert told(status.conditions)["Accepted"] == ("True", "Accepted")
    (_, supported) = status.conditions
    assert (version or "(none)") in supported.message
    assert "v1.6.3," not in supported.message
