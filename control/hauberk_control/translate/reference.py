"""Which object may refer to which of another namespace: ReferenceGrants."""

from typing import Final

from hauberk_control.store import Store
from hauberk_core.resources import ReferenceGrant


class Grants:
    """All grants of a store."""

    def __init__(self, store: Store) -> None:
        self._names: Final[dict[tuple[str, str, str, str, str, str], set[str | None]]] = {}
        for grant in store.of(ReferenceGrant):
            for source in grant.spec.from_:
                for target in grant.spec.to:
                    key = (source.group, source.kind, source.namespace, target.group, target.kind, grant.metadata.namespace)
                    self._names.setdefault(key, set()).add(target.name)

    def allow(self, source: tuple[str, str, str], target: tuple[str, str, str], name: str) -> bool:
        """Whether a reference is allowed; within one namespace it always is.

        Args: source, target - group, kind and namespace; name - of the object referred to.
        """
        if source[2] == target[2]:
            return True
        names = self._names.get((*source, *target), ())
        return None in names or name in names
