"""Who may stop an attempt at an endpoint before it is made: circuit breakers and their kind.

Permission comes together with the way to report how it went, so that no attempt that was admitted goes unreported.
"""

from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.model.reason import Reason
from hauberk_core.upstream.endpoint import UpstreamEndpoint


class Outcome:
    """How one attempt at one endpoint ended."""

    __slots__ = ("reason", "seconds", "status", "used")

    def __init__(self, used: bool, status: int, reason: Reason | None, seconds: float) -> None:
        self.used: Final = used
        """False: the attempt was never made, for example because another guard refused it; the rest means nothing then."""
        self.status: Final = status
        """The endpoint's final status; 0 where it gave none."""
        self.reason: Final = reason
        """Why there was no whole answer, for example CONNECT_FAILED; None where there was one."""
        self.seconds: Final = seconds
        """From the permission to the head of the response, or to the failure."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Permit:
    """One admitted attempt."""

    def done(self, outcome: Outcome) -> None:
        """The attempt is over. Called once, in the loop: it must not wait."""
        raise NotImplementedError


class Refusal:
    """No attempt at this endpoint now."""

    __slots__ = ("detail",)

    def __init__(self, detail: str) -> None:
        """Args: detail - why, for the access log and the body of the answer: one sentence for a person."""
        self.detail: Final = detail


@mypyc_attr(allow_interpreted_subclasses=True)
class Guard:
    """Watches over the endpoints of one cluster, in one worker."""

    def admit(self, endpoint: UpstreamEndpoint) -> Permit | Refusal:
        """Allow or refuse one attempt. A refused request tries the cluster's other endpoints first. Must not wait."""
        raise NotImplementedError

    def close(self) -> None:
        """No configuration uses the guard any more, and no permit is open. Called once."""


class Admission:
    """What all guards of a cluster permitted for one attempt."""

    __slots__ = ("_permits", "_since")

    def __init__(self, permits: list[Permit], since: float) -> None:
        self._permits: Final = permits
        self._since: Final = since

    def done(self, status: int, reason: Reason | None, now: float) -> None:
        """The attempt was made and is over. Args: now - when the response's head came, or when it failed."""
        outcome = Outcome(True, status, reason, now - self._since)
        for permit in self._permits:
            permit.done(outcome)

    def unused(self) -> None:
        """The attempt was not made."""
        outcome = Outcome(False, 0, None, 0.0)
        for permit in self._permits:
            permit.done(outcome)
