"""Whatever happens in whatever order, a proxy comes to hold what it is meant to hold, unless it refuses exactly that."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hauberk_control.discovery.session import Configuration, Session
from hauberk_core.agent.discovery.mirror import Candidate, Mirror
from hauberk_core.wire_proto.configuration import versioned
from hauberk_core.wire_proto.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse, Node

# Few names and few contents, so that coincidences (back to what was before, equal under another name) are common.
CONTENTS = st.dictionaries(
    st.sampled_from(["cluster/a", "cluster/b", "listener/c", "route_table/d"]), st.sampled_from([b"1", b"2", b"3"])
)


class Conversation(RuleBasedStateMachine):
    """Control's session and the proxy's mirror, joined by two queues that a lost stream empties."""

    @initialize(contents=CONTENTS)
    def begin(self, contents: dict[str, bytes]) -> None:
        self.serial = 0
        self.mirror = Mirror("", {})
        self.refused: dict[str, bytes] | None = None
        """What the proxy cannot use."""
        self.publish_configuration(contents)
        self.connect()

    def publish_configuration(self, contents: dict[str, bytes]) -> None:
        self.contents = contents
        self.serial += 1
        # As in earnest: the version is of the content.
        self.wanted = Configuration(repr(sorted(contents.items())), {name: versioned(body) for name, body in contents.items()})

    def connect(self) -> None:
        self.session = Session("test")
        self.session.offer(self.wanted)
        self.to_control: list[DeltaDiscoveryRequest] = [self.mirror.greet(Node())]
        self.to_proxy: list[DeltaDiscoveryResponse] = []
        self.connected = True

    @rule(contents=CONTENTS)
    def publish(self, contents: dict[str, bytes]) -> None:
        self.publish_configuration(contents)
        self.session.offer(self.wanted)

    @rule()
    def change_what_is_refused(self) -> None:
        self.refused = dict(self.contents)

    @rule()
    def refuse_nothing(self) -> None:
        self.refused = None

    @precondition(lambda self: self.connected)
    @rule()
    def lose_the_stream(self) -> None:
        self.connected = False
        self.to_control.clear()
        self.to_proxy.clear()

    @precondition(lambda self: not self.connected and self.trying is None)
    @rule()
    def come_back(self) -> None:
        self.connect()

    @rule()
    def restart_the_proxy(self) -> None:
        self.mirror = Mirror(self.mirror.version, self.mirror.held)
        self.trying = None
        self.connect()

    trying: Candidate | None = None

    @precondition(lambda self: self.to_control)
    @rule()
    def control_reads(self) -> None:
        self.session.receive(self.to_control.pop(0))

    @precondition(lambda self: self.connected)
    @rule()
    def control_writes(self) -> None:
        response = self.session.next_response()
        if response is not None:
            self.to_proxy.append(DeltaDiscoveryResponse.FromString(response.SerializeToString()))

    @precondition(lambda self: self.to_proxy and self.trying is None)
    @rule()
    def proxy_reads(self) -> None:
        self.trying = self.mirror.receive(self.to_proxy.pop(0))

    @precondition(lambda self: self.trying is not None)
    @rule()
    def proxy_answers(self) -> None:
        candidate, self.trying = self.trying, None
        assert candidate is not None
        if {name: resource.body for name, resource in candidate.resources.items()} == self.refused:
            request = self.mirror.refuse(candidate, "no")
        else:
            request = self.mirror.accept(candidate)
        if self.connected:
            self.to_control.append(request)

    @invariant()
    def control_knows_what_is_held(self) -> None:
        """Where control believes the proxy to be up to date, it is."""
        if self.connected and self.session.current and not self.to_control:
            assert {name: resource.body for name, resource in self.mirror.held.items()} == self.contents

    def teardown(self) -> None:
        if not hasattr(self, "session"):
            return
        if self.trying is not None:
            self.proxy_answers()
        if not self.connected:
            self.connect()
        for _ in range(10):
            while self.to_control or self.to_proxy or self.trying is not None:
                if self.trying is not None:
                    self.proxy_answers()
                elif self.to_proxy:
                    self.proxy_reads()
                else:
                    self.control_reads()
                self.control_writes()
            self.control_writes()
        assert not self.to_proxy, "it never ends"
        held = {name: resource.body for name, resource in self.mirror.held.items()}
        if self.session.refusal is None:
            assert held == self.contents
            assert self.session.current
        else:
            assert self.session.refusal.version == self.wanted.version
            assert self.session.next_response() is None


Conversation.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestConversation = Conversation.TestCase
