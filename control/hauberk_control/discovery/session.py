"""One proxy's subscription, for the life of one stream: a machine without I/O.

The incremental xDS transport, as a server. The proxy subscribes, to everything that it is meant to have or to names; each
response is the step from what the proxy holds to what it is to hold, under a nonce; the proxy answers with that nonce, which
acknowledges, or with that nonce and a reason, which refuses. What it holds is therefore known exactly: what it brought along from
an earlier stream, plus every step that it acknowledged.

One step at a time is under way. What changes meanwhile is not queued: once the answer is there, the next step goes straight to
the latest configuration. A proxy takes a step as a whole or not at all, so that after a refusal it holds what it held before, and
gets nothing until the configuration is another one; if that is what it holds already, an empty step tells it that the matter is
settled.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from google.protobuf.any_pb2 import Any

from hauberk_control.translate.notes import Notes
from hauberk_core.wire_proto.configuration import Resources, kind_of
from hauberk_core.wire_proto.discovery_pb2 import ControlPlane, DeltaDiscoveryRequest, DeltaDiscoveryResponse, Resource
from hauberk_core.wire_proto.service import CONFIGURATION_TYPE, EVERYTHING, TYPE_PREFIX

# A proxy that names what it wants names hosts it talks to; nobody talks to more.
MOST_NAMES: Final = 20_000
# Enough for every mistake that a proxy reports; status pages and logs must not be a refusing proxy's to fill.
LONGEST_REASON: Final = 8 * 1024
# Names asked for that the proxy is not meant to have are told to the log, the first few of them.
_MOST_STRANGE_NAMES: Final = 8


class ProtocolViolation(Exception):
    """The proxy does not keep to the protocol; the stream must end. The message is for a person."""


class Configuration(NamedTuple):
    """What one proxy is to hold."""

    version: str
    resources: Resources
    notes: Notes = Notes()


class Refusal(NamedTuple):
    """A configuration that the proxy did not take."""

    version: str
    reason: str


class _Step(NamedTuple):
    """A response that waits for its answer."""

    nonce: str
    version: str
    held_after: dict[str, str]


class Session:
    """What is known of one proxy's subscription.

    Call `receive` with what comes, `offer` with what is wanted, and after either `next_response` for what to send.
    """

    def __init__(self, identifier: str) -> None:
        """Begin before the first request. Args: identifier - tells people which control answered."""
        self.version = ""
        """Of the configuration that the proxy last acknowledged, or was found to hold already."""
        self.refusal: Refusal | None = None
        """Its last answer, if that was a refusal."""
        self._identifier: Final = identifier
        self._begun = False
        self._everything = False
        self._names: Final[set[str]] = set()
        self._held: dict[str, str] = {}
        self._owed: Final[set[str]] = set()
        """Names that get an answer even if nothing about them changed."""
        self._answer_owed = False
        self._strange: list[str] = []
        self._offered: Configuration | None = None
        self._step: _Step | None = None
        self._nonces = 0

    @property
    def held(self) -> Mapping[str, str]:
        """Versions by name, of what the proxy is known to hold."""
        return self._held

    @property
    def waiting(self) -> bool:
        """Whether a response waits for its answer."""
        return self._step is not None

    @property
    def current(self) -> bool:
        """Whether the proxy is known to hold the latest configuration."""
        return self._step is None and self._offered is not None and self.version == self._offered.version

    def receive(self, request: DeltaDiscoveryRequest) -> None:
        """Take a request in.

        Raises: ProtocolViolation; the session is then of no further use.
        """
        if request.type_url != CONFIGURATION_TYPE:
            raise ProtocolViolation(
                f"no resources of the type {request.type_url[:200]!r} here; subscribe to {CONFIGURATION_TYPE!r}"
            )
        if not self._begun:
            self._begin(request)
        elif request.initial_resource_versions:
            raise ProtocolViolation("initial_resource_versions belong into the first request of a stream")
        else:
            self._subscribe(request.resource_names_subscribe)
        self._unsubscribe(request.resource_names_unsubscribe)
        if request.response_nonce:
            self._take_answer(request)

    def offer(self, configuration: Configuration) -> None:
        """This is what the proxy is to hold from now on, in place of whatever was offered before."""
        self._offered = configuration

    def next_response(self) -> DeltaDiscoveryResponse | None:
        """The step to send now, or None: nothing changed, or an answer is being waited for."""
        offered = self._offered
        if not self._begun or self._step is not None or offered is None:
            return None
        wanted = offered.resources
        if not self._everything:
            wanted = {name: wanted[name] for name in self._names if name in wanted}
        refused = self.refusal is not None and self.refusal.version == offered.version
        # Of a refused configuration only that is sent which was asked for again by name.
        changed = [
            name
            for name, resource in wanted.items()
            if name in self._owed or (not refused and self._held.get(name) != resource.version)
        ]
        removed = [] if refused else [name for name in self._held if name not in wanted]
        absent = [name for name in self._owed if name not in wanted and name not in removed]
        self._strange.extend([name for name in absent if name in self._names][:_MOST_STRANGE_NAMES])
        removed += absent
        settled = self.refusal is not None and not refused
        if not (changed or removed or self._answer_owed or settled):
            if not refused:
                self.version = offered.version
            return None
        self._owed.clear()
        self._answer_owed = False
        self._nonces += 1
        held_after = {name: version for name, version in self._held.items() if name not in removed}
        for name in changed:
            held_after[name] = wanted[name].version
        self._step = _Step(str(self._nonces), offered.version, held_after)
        return DeltaDiscoveryResponse(
            system_version_info=offered.version,
            type_url=CONFIGURATION_TYPE,
            nonce=self._step.nonce,
            resources=[_resource(name, wanted[name].version, wanted[name].body) for name in changed],
            removed_resources=removed,
            control_plane=ControlPlane(identifier=self._identifier),
        )

    def refuse_step(self, reason: str) -> None:
        """The response that was just made cannot be sent: it counts as refused."""
        assert self._step is not None
        self.refusal = Refusal(self._step.version, reason)
        self._step = None

    def take_strange_names(self) -> list[str]:
        """Names the proxy asked for since the last call and is not meant to have; at most a few."""
        strange, self._strange = self._strange[:_MOST_STRANGE_NAMES], []
        return strange

    def _begin(self, request: DeltaDiscoveryRequest) -> None:
        self._begun = True
        self._held = dict(request.initial_resource_versions)
        if not request.resource_names_subscribe:
            self._everything = True
        self._subscribe(request.resource_names_subscribe)
        if not self._everything:
            self._held = {name: version for name, version in self._held.items() if name in self._names}
        # What it brought along needs no answer unless it changed; who brought nothing waits for one, even if that is empty.
        self._owed.difference_update(self._held)
        self._answer_owed = self._everything and not self._held

    def _subscribe(self, names: Iterable[str]) -> None:
        for name in names:
            if name == EVERYTHING:
                self._answer_owed = self._answer_owed or not self._everything
                self._everything = True
            else:
                self._names.add(name)
                self._owed.add(name)
        if len(self._names) > MOST_NAMES:
            raise ProtocolViolation(
                f"more than {MOST_NAMES} names; subscribe to {EVERYTHING!r} for all that is meant for this proxy"
            )

    def _unsubscribe(self, names: Iterable[str]) -> None:
        for name in names:
            if name == EVERYTHING:
                self._everything = False
                after = {} if self._step is None else self._step.held_after
                self._forget({*self._held, *after} - self._names)
                continue
            self._names.discard(name)
            if self._everything:
                # Still covered, and the proxy may have dropped it: it must hear of it once more.
                self._owed.add(name)
            else:
                self._owed.discard(name)
                self._forget([name])

    def _forget(self, names: Iterable[str]) -> None:
        for name in names:
            self._held.pop(name, None)
            if self._step is not None:
                self._step.held_after.pop(name, None)

    def _take_answer(self, request: DeltaDiscoveryRequest) -> None:
        step = self._step
        if step is None or request.response_nonce != step.nonce:
            return  # an answer to something older, which a later one has overtaken
        self._step = None
        if request.HasField("error_detail"):
            self.refusal = Refusal(step.version, request.error_detail.message[:LONGEST_REASON] or "no reason was given")
            return
        self._held = step.held_after
        self.version = step.version
        self.refusal = None


def _resource(name: str, version: str, body: bytes) -> Resource:
    return Resource(name=name, version=version, resource=Any(type_url=TYPE_PREFIX + kind_of(name), value=body))
