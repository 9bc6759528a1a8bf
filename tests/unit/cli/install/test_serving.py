"""An installation is waited for until everything in it does what it is for."""

from typing import Any

import pytest

from hauberk_cli.install.serving import serves

NEW = {"metadata": {"generation": 2}}
DEPLOYMENT: dict[str, Any] = {**NEW, "spec": {"replicas": 2}}
COMPLETE = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
ON_NODES = {"observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberReady": 3}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"observedGeneration": 1}, False),
        ({"updatedReplicas": 1}, False),
        ({"availableReplicas": 1}, False),
        ({"replicas": 3}, False),
    ],
)
def test_a_deployment_serves_when_all_its_pods_are_new_and_available(changed: dict[str, int], expected: bool) -> None:
    assert serves("Deployment", {**DEPLOYMENT, "status": {**COMPLETE, **changed}}) is expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [({}, True), ({"observedGeneration": 1}, False), ({"updatedNumberScheduled": 2}, False), ({"numberReady": 2}, False)],
)
def test_a_daemon_set_serves_on_every_node(changed: dict[str, int], expected: bool) -> None:
    assert serves("DaemonSet", {**NEW, "status": {**ON_NODES, **changed}}) is expected


def test_a_webhook_serves_when_the_api_server_knows_whom_to_trust() -> None:
    trusted: dict[str, Any] = {"clientConfig": {"caBundle": "YQ=="}}
    unknown: dict[str, Any] = {"clientConfig": {}}
    assert serves("MutatingWebhookConfiguration", {**NEW, "webhooks": [trusted, trusted]})
    assert not serves("MutatingWebhookConfiguration", {**NEW, "webhooks": [trusted, unknown]})


def test_what_is_not_there_does_not_serve_and_what_only_is_does() -> None:
    assert not serves("Deployment", {})
    assert not serves("Deployment", {**DEPLOYMENT, "status": {}})
    assert serves("Service", {})
