"""What injection wrote into a pod about itself: the annotation `hauberk.dev/status`.

Whoever calls the pod has to know which of its ports lead to a proxy. The pod's annotations alone do not tell: the mesh's settings
have a say in it, and each annotation has two names.
"""

from collections.abc import Mapping

import msgspec

from hauberk_core.pod import STATUS_ANNOTATION


class CapturedPorts(msgspec.Struct, frozen=True, rename="camel"):
    """Which ports of a pod lead to its proxy, as Istio's annotations write it: numbers with commas, an asterisk for all."""

    included: str = "*"
    excluded: str = ""
    """Where all are included."""


class InjectionStatus(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What was injected."""

    revision: str = ""
    init_containers: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    image_pull_secrets: tuple[str, ...] = ()
    captured: CapturedPorts | None = None
    """None: nothing is captured, and callers reach the application itself."""

    def encode(self) -> str:
        """The annotation's text."""
        return msgspec.json.encode(self).decode()


def read_status(annotations: Mapping[str, str]) -> InjectionStatus | None:
    """What a pod's annotations tell; None: it is not injected, or somebody wrote nonsense there."""
    text = annotations.get(STATUS_ANNOTATION)
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=InjectionStatus)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
