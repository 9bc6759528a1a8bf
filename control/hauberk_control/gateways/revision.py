"""Which of several controls an object belongs to: each is served by one, the others leave it alone."""

from collections.abc import Mapping, Sequence
from typing import Final

from hauberk_core.pod import DEFAULT_REVISION
from hauberk_core.resources import Namespace, Resource

REVISION_LABELS: Final = ("hauberk.dev/rev", "istio.io/rev")


def asked_revision(resource: Resource | None, namespace: Namespace | None) -> str:
    """The revision that an object's labels ask for, or else those of its namespace, or else the default."""
    return _asked(resource) or _asked(namespace) or DEFAULT_REVISION


def is_of(revision: str, own: str, tags: Sequence[str]) -> bool:
    """Whether a revision that is asked for is this control's. Args: own - its revision; tags - its other names."""
    return revision == own or revision in tags


def _asked(resource: Resource | None) -> str:
    labels: Mapping[str, str] = resource.metadata.labels if resource is not None else {}
    return next((labels[name] for name in REVISION_LABELS if labels.get(name)), "")
