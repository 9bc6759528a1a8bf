"""What the objects of a Gateway are called, and how they are known as its own."""

import hashlib
import re
from typing import Final

from hauberk_core.pod import GATEWAY_NAME_LABEL

CLASS_LABEL: Final = "gateway.networking.k8s.io/gateway-class-name"
MANAGED_LABEL: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "hauberk"
"""On everything that was made for a Gateway; without it an object of the same name is somebody else's."""
REVISION_LABEL: Final = "hauberk.dev/rev"
"""Of the control that looks after them."""

_LONGEST: Final = 63
_HASH_DIGITS: Final = 8
# With a dash and the hash, a shortened name is as long as a name may be.
_KEPT: Final = _LONGEST - 1 - _HASH_DIGITS
# RFC 1035 section 2.3.1: the form of a Service's name, which is stricter than a Gateway's.
_SERVICE_NAME: Final = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")


def deployed_name(gateway: str, class_name: str) -> str:
    """The name of a Gateway's objects, its service account among them: `GATEWAY-CLASS`.

    Where that is no name for a Service, because it is too long, has dots or begins with a digit: what can be kept of the
    Gateway's name, and a hash that tells it from others.
    """
    full = f"{gateway}-{class_name}"
    if len(full) <= _LONGEST and _SERVICE_NAME.fullmatch(full):
        return full
    return f"{name_prefix(gateway)}-{hashlib.sha256(full.encode()).hexdigest()[:_HASH_DIGITS]}"


def name_prefix(gateway: str) -> str:
    """What the names of a Gateway's objects begin with, whatever its class."""
    kept = gateway.replace(".", "-")
    if not kept[:1].isalpha():
        kept = f"gateway-{kept}"
    return kept[:_KEPT].rstrip("-")


def label_value(name: str) -> str:
    """A name as the value of a label, which may be shorter than a name."""
    if len(name) <= _LONGEST:
        return name
    return f"{name[:_KEPT].rstrip('-.')}-{hashlib.sha256(name.encode()).hexdigest()[:_HASH_DIGITS]}"


def selector_labels(gateway: str, class_name: str) -> dict[str, str]:
    """By which a Gateway's pods are known."""
    return {GATEWAY_NAME_LABEL: label_value(gateway), CLASS_LABEL: label_value(class_name)}
