"""What this proxy holds of its configuration: the other half of control's session, without I/O.

A response is a step from what is held to what is to be held. It becomes a `Candidate`, which is complete in itself, and only once
that serves does it count as held; until then a lost stream, a refusal or a restart leaves what was there before.

What is held must not change behind control's back: a new stream is greeted only after the verdict on the last candidate, so that
control computes the next step from what this proxy really serves with.
"""

from typing import Final, NamedTuple

from hauberk_core.wire_proto.configuration import Resources, Versioned
from hauberk_core.wire_proto.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse, Node, Status
from hauberk_core.wire_proto.service import CONFIGURATION_TYPE

# google.rpc.Code: the proxy cannot use what it was sent.
INVALID_ARGUMENT: Final = 3
# As much as control keeps.
LONGEST_REASON: Final = 8 * 1024


class DiscoveryProtocolError(Exception):
    """Control does not keep to the protocol; the stream is then of no use. The message is for a person."""


class Candidate(NamedTuple):
    """A configuration that control wants this proxy to have."""

    version: str
    resources: Resources
    nonce: str


class Mirror:
    """Turns responses into candidates, and verdicts on candidates into requests."""

    def __init__(self, version: str, held: Resources) -> None:
        """Begin with what is held already; nothing, or what a disk kept."""
        self.version = version
        """Of the configuration held, for people."""
        self.held: Resources = held
        self._open: Candidate | None = None
        """What there is no verdict on yet."""

    @property
    def undecided(self) -> bool:
        """Whether a candidate waits for its verdict."""
        return self._open is not None

    def greet(self, node: Node) -> DeltaDiscoveryRequest:
        """Begin on a new stream: the request to send first. Nothing must be undecided."""
        assert self._open is None
        return DeltaDiscoveryRequest(
            node=node,
            type_url=CONFIGURATION_TYPE,
            initial_resource_versions={name: resource.version for name, resource in self.held.items()},
        )

    def receive(self, response: DeltaDiscoveryResponse) -> Candidate:
        """Take a response in.

        Raises: DiscoveryProtocolError.
        """
        if response.type_url != CONFIGURATION_TYPE:
            raise DiscoveryProtocolError(
                f"control sent resources of the type {response.type_url[:200]!r}, which nobody asked for"
            )
        if not response.nonce:
            raise DiscoveryProtocolError("control sent a response without a nonce")
        if self._open is not None:
            raise DiscoveryProtocolError("control sent a second step before the first was answered")
        resources = dict(self.held)
        for name in response.removed_resources:
            resources.pop(name, None)
        for resource in response.resources:
            resources[resource.name] = Versioned(resource.version, resource.resource.value)
        self._open = Candidate(response.system_version_info, resources, response.nonce)
        return self._open

    def drop(self) -> None:
        """The stream is lost and nobody has looked at the candidate yet: it is as if it had never come."""
        self._open = None

    def accept(self, candidate: Candidate) -> DeltaDiscoveryRequest:
        """The candidate serves: it is held from now on.

        Returns: the acknowledgement, for the stream that brought it. If that is gone, the next one's greeting tells control.
        """
        self.version = candidate.version
        self.held = candidate.resources
        return self._answer(candidate)

    def refuse(self, candidate: Candidate, reason: str) -> DeltaDiscoveryRequest:
        """The candidate cannot be used; what is held stays.

        Returns: the refusal, for the stream that brought it. If that is gone, the next one brings it again.
        """
        request = self._answer(candidate)
        request.error_detail.CopyFrom(Status(code=INVALID_ARGUMENT, message=reason[:LONGEST_REASON]))
        return request

    def hold(self, candidate: Candidate) -> None:
        """The candidate serves, some time after it was refused: it is held from now on.

        The refusal was the answer to it, so that only the next stream's greeting tells control.
        """
        self.version = candidate.version
        self.held = candidate.resources

    def _answer(self, candidate: Candidate) -> DeltaDiscoveryRequest:
        assert candidate is self._open
        self._open = None
        return DeltaDiscoveryRequest(type_url=CONFIGURATION_TYPE, response_nonce=candidate.nonce)
