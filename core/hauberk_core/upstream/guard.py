"""Who may stop an attempt at an endpoint before it is made: circuit breakers and their kind.

Permission comes together with the way to report how it went, so that no attempt that was admitted goes unreported.
"""

from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.model.reason import Reason
from hauberk_core.upstream.endpoint import UpstreamEndpoint
from hauberk_core.upstream.probing import Prober


class Description:
    """The request that an attempt is made for, for people."""

    __slots__ = ("method", "path", "request_id", "trace_id")

    def __init__(self, method: str, path: str, request_id: str, trace_id: str) -> None:
        self.method: Final = method
        self.path: Final = path
        """With its query, as the client sent it."""
        self.request_id: Final = request_id
        self.trace_id: Final = trace_id
        """Of the W3C trace context that is sent with it; empty: there is none."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Subject:
    """What an attempt is made for."""

    def describe(self) -> Description:
        """Tell it for people; called when somebody wants to know, not for each request."""
        return Description("", "", "", "")


class Outcome:
    """How one attempt at one endpoint ended."""

    __slots__ = ("reason", "seconds", "status", "subject", "used")

    def __init__(self, used: bool, status: int, reason: Reason | None, seconds: float, subject: Subject) -> None:
        self.used: Final = used
        """False: the attempt was never made, for example because another guard refused it; the rest means nothing then."""
        self.status: Final = status
        """The endpoint's final status; 0 where it gave none."""
        self.reason: Final = reason
        """Why there was no whole answer, for example CONNECT_FAILED; None where there was one."""
        self.seconds: Final = seconds
        """From the permission to the head of the response, or to the failure."""
        self.subject: Final = subject
        """The request, for whoever tells people about it."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Permit:
    """One admitted attempt."""

    def answered(self, status: int, subject: Subject) -> None:
        """The head of the final response has come; `done` follows when the exchange is over, perhaps much later. Must not wait.

        Not called where there was no answer.
        """

    def done(self, outcome: Outcome) -> None:
        """The attempt is over. Called once, in the loop: it must not wait."""
        raise NotImplementedError


class Refusal:
    """No attempt at this endpoint now."""

    __slots__ = ("detail", "reason", "whole")

    def __init__(self, detail: str, reason: Reason = Reason.GUARD_REFUSED, whole: bool = False) -> None:
        """Say no.

        Args: detail - why, for the access log and the body of the answer: one sentence for a person; reason - of the answer, if
            no other endpoint is admitted either; whole - it holds for the whole cluster: no other endpoint is asked for.
        """
        self.detail: Final = detail
        self.reason: Final = reason
        self.whole: Final = whole


@mypyc_attr(allow_interpreted_subclasses=True)
class Guard:
    """Watches over the endpoints of one cluster, in one worker."""

    def admit(self, endpoint: UpstreamEndpoint, is_retry: bool, subject: Subject) -> Permit | Refusal:
        """Allow or refuse one attempt. A refused request tries the cluster's other endpoints first. Must not wait.

        Args: is_retry - an attempt for the same request has failed before; subject - the request.
        """
        raise NotImplementedError

    def attach(self, prober: Prober) -> None:
        """From now on endpoints may be reached by this, until another one is attached. Called before `watch`."""

    def is_out(self, endpoint: UpstreamEndpoint) -> bool:
        """Whether the endpoint is left out for now, so that its share of requests goes elsewhere. Must not wait.

        Asked now and then for all endpoints of clusters that prefer some of them, or whose guards steer.
        """
        return False

    def steers(self) -> bool:
        """Whether endpoints that are out are not even to be chosen. If not, `admit` refuses them, and others are asked for."""
        return False

    def watch(self, endpoints: list[UpstreamEndpoint]) -> None:
        """These are the cluster's endpoints from now on. Called when the guard comes into force, and at each change."""

    def connections(self, count: int) -> None:
        """So many connections of this worker to the cluster are open or being opened. Told at each change."""

    def may_connect(self, count: int) -> bool:
        """Whether there may be `count` connections, one more than there are. If not, the request waits for one."""
        return True

    def waiting(self, count: int) -> None:
        """So many requests of this worker wait for a connection. Told at each change."""

    def may_wait(self, count: int, subject: Subject) -> Refusal | None:
        """Whether `count` requests may wait, one more than do. If not, this one is answered as the refusal says."""
        return None

    def shares(self) -> bool:
        """Whether connections are counted together with other workers': `surplus` is then asked again and again."""
        return False

    def surplus(self, connections: int) -> int:
        """How many of this worker's `connections` other workers should have instead; so many are closed once nobody uses them."""
        return 0

    def close(self) -> None:
        """No configuration uses the guard any more, and no permit is open. Called once."""


class Admission:
    """What all guards of a cluster permitted for one attempt."""

    __slots__ = ("_permits", "_since", "_subject")

    def __init__(self, permits: list[Permit], since: float, subject: Subject) -> None:
        self._permits: Final = permits
        self._since: Final = since
        self._subject: Final = subject

    def answered(self, status: int) -> None:
        """The head of the final response has come."""
        for permit in self._permits:
            permit.answered(status, self._subject)

    def done(self, status: int, reason: Reason | None, now: float) -> None:
        """The attempt was made and is over. Args: now - when the response's head came, or when it failed."""
        outcome = Outcome(True, status, reason, now - self._since, self._subject)
        for permit in self._permits:
            permit.done(outcome)

    def unused(self) -> None:
        """The attempt was not made."""
        outcome = Outcome(False, 0, None, 0.0, self._subject)
        for permit in self._permits:
            permit.done(outcome)
