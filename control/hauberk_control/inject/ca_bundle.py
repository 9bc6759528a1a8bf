"""Tells the API server by which authority it is to know the webhook."""

import base64
from typing import Final

import msgspec

from hauberk_control.inject.json_object import JsonObject
from hauberk_control.inject.patch import Operation

WEBHOOK_LABEL: Final = ("app", "hauberk-injector")
"""The label by which control knows the MutatingWebhookConfigurations that are hauberk's; another one says of which revision."""


class _ClientConfig(msgspec.Struct, frozen=True, rename="camel"):
    ca_bundle: str | None = None


class _Webhook(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    client_config: _ClientConfig


class _Configuration(msgspec.Struct, frozen=True):
    webhooks: list[_Webhook] | None = None


def ca_bundle_patch(configuration: JsonObject, trust: bytes, *, only_empty: bool = False) -> list[Operation]:
    """The patch that makes every webhook of a MutatingWebhookConfiguration believe `trust`, PEM; empty where they do.

    Args: only_empty - leave those alone that believe something already.
    Each step first makes sure that it is still about the webhook it was made for: somebody else may have changed the list since.
    Raises: msgspec.ValidationError: this is no such configuration.
    """
    wanted = base64.b64encode(trust).decode()
    patch: list[Operation] = []
    for position, webhook in enumerate(msgspec.convert(configuration, _Configuration).webhooks or []):
        if webhook.client_config.ca_bundle != wanted and not (only_empty and webhook.client_config.ca_bundle):
            path = f"/webhooks/{position}"
            patch += [
                Operation("test", f"{path}/name", webhook.name),
                Operation("add", f"{path}/clientConfig/caBundle", wanted),
            ]
    return patch
