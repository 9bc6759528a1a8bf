"""Why a Gateway has not all that was to be made for it: the API server refuses it, or somebody else has its name."""

from typing import Final, NamedTuple

from hauberk_control.gateways.owned import OwnedKey
from hauberk_control.kubernetes.errors import ApiError

# What Kubernetes says where a ResourceQuota leaves no room.
_QUOTA: Final = "exceeded quota"


class Refusal(NamedTuple):
    """One object that is not as it should be."""

    key: OwnedKey
    message: str
    """For the Gateway's owner, with the API server's own words, which are bounded."""
    of_pods: bool = False
    """The object stands, and it is its pods that are refused: those that it has serve on."""

    @property
    def is_for_want_of_resources(self) -> bool:
        """Whether a quota is used up."""
        return _QUOTA in self.message


def refused(key: OwnedKey, error: ApiError) -> Refusal:
    """The API server has refused to store, or to remove, an object."""
    return Refusal(key, f"{error.status} {error.words}".strip() if error.words else error.message)
