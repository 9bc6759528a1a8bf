"""The API server is told by which authority it is to know the webhook, and only where it does not know it."""

import base64
from typing import Any

import msgspec
import pytest
from json_patch import apply_patch

from hauberk_control.inject.ca_bundle import ca_bundle_patch

TRUST = b"-----BEGIN CERTIFICATE-----\n"


def configuration(*bundles: str | None) -> dict[str, Any]:
    hooks = [
        {"name": f"w{number}", "clientConfig": {"service": {"name": "s"}} | ({"caBundle": bundle} if bundle else {})}
        for number, bundle in enumerate(bundles)
    ]
    return {"kind": "MutatingWebhookConfiguration", "webhooks": hooks}


def test_every_webhook_that_believes_another_gets_ours() -> None:
    ours = base64.b64encode(TRUST).decode()
    before = configuration(None, ours, "b2xk")
    patch = msgspec.to_builtins(ca_bundle_patch(before, TRUST))
    assert [step["op"] for step in patch] == ["test", "add", "test", "add"]
    assert patch[2] == {"op": "test", "path": "/webhooks/2/name", "value": "w2"}
    after = apply_patch(before, patch)
    assert [hook["clientConfig"]["caBundle"] for hook in after["webhooks"]] == [ours, ours, ours]
    assert ca_bundle_patch(after, TRUST) == []


def test_a_configuration_without_webhooks() -> None:
    assert ca_bundle_patch({"webhooks": None}, TRUST) == []
    with pytest.raises(msgspec.ValidationError):
        ca_bundle_patch({"webhooks": [{}]}, TRUST)
