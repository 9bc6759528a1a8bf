"""Conditions of GatewayClasses."""

import re
from collections.abc import Collection
from typing import Final

from hauberk_control.status.conditions import Condition, Status, SupportedFeature, fails, holds, joined
from hauberk_control.status.features import GATEWAY_FEATURES
from hauberk_core.resources import GatewayClass

NEWEST_API: Final = (1, 6)
"""The latest version of Gateway API whose fields are known here; those of all before it are among them."""
_VERSION: Final = re.compile(r"v(\d{1,4})\.(\d{1,4})\.\d{1,4}(?:-[0-9A-Za-z.-]+)?")


def class_status(own: GatewayClass, api_versions: Collection[str] | None = None) -> Status:
    """A class of ours. Args: api_versions - of Gateway API's definitions on the cluster; None: there is no cluster."""
    generation = own.metadata.generation
    supported = _supported_version(generation, api_versions or ())
    if own.spec.parameters_ref is not None:
        message = "parameters of classes are not read here; remove parametersRef"
        return Status(conditions=(fails("Accepted", "InvalidParameters", generation, message), supported))
    features = tuple([SupportedFeature(name=name) for name in GATEWAY_FEATURES])
    return Status(conditions=(holds("Accepted", "Accepted", generation), supported), supported_features=features)


def _supported_version(generation: int, api_versions: Collection[str]) -> Condition:
    """Definitions of another version are served as well as can be: the class stays accepted."""
    newest = ".".join([str(part) for part in NEWEST_API])
    unknown = sorted([version or "(none)" for version in api_versions if not _is_known(version)])
    if unknown:
        message = f"Gateway API is installed as {joined(unknown, ', ')}; versions 1.0 to {newest} are supported"
        return fails("SupportedVersion", "UnsupportedVersion", generation, message)
    return holds("SupportedVersion", "SupportedVersion", generation)


def _is_known(version: str) -> bool:
    found = _VERSION.fullmatch(version)
    return found is not None and (1, 0) <= (int(found[1]), int(found[2])) <= NEWEST_API
