"""Which of several controls a Gateway belongs to: each is served by one, the others leave it alone."""

from collections.abc import Mapping, Sequence
from typing import Final

from hauberk_core.pod import DEFAULT_REVISION
from hauberk_core.resources import Gateway, Namespace

REVISION_LABELS: Final = ("hauberk.dev/rev", "istio.io/rev")


def gateway_revision(gateway: Gateway, namespace: Namespace | None) -> str:
    """The revision that a Gateway's labels ask for, or else those of its namespace, or else the default."""
    return _asked(gateway.metadata.labels) or _asked(namespace.metadata.labels if namespace else {}) or DEFAULT_REVISION


def is_of(revision: str, own: str, tags: Sequence[str]) -> bool:
    """Whether a revision that is asked for is this control's. Args: own - its revision; tags - its other names."""
    return revision == own or revision in tags


def _asked(labels: Mapping[str, str]) -> str:
    return next((labels[name] for name in REVISION_LABELS if labels.get(name)), "")
