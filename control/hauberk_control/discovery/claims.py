"""What a proxy may say of itself: as much as its certificate bears out, and nothing more."""

from typing import Final, Protocol

import msgspec

from hauberk_control.gateways.names import name_prefix
from hauberk_control.translate.node import Node
from hauberk_core.identity import SpiffeId
from hauberk_core.pod import unnamed_gateway
from hauberk_core.wire_proto.discovery_pb2 import Node as NodeMessage
from hauberk_core.wire_proto.service import IN_FORCE_FIELD, NODE_FIELD

# A sidecar's document names a port for each service that its workload calls; the largest meshes have some ten thousand.
LARGEST_NODE: Final = 1024 * 1024
# "hauberk" and a version, as PEP 440 writes them, with room.
_LONGEST_PROGRAM: Final = 64
# Of a claim that is refused, as much goes into the log.
_LONGEST_QUOTE: Final = 200


class Directory(Protocol):
    """What the store knows of those who may claim something."""

    def gateway_accounts(self, namespace: str, name: str) -> frozenset[str]:
        """The service accounts that a Gateway's proxies may have; none if there is no such Gateway."""
        ...

    def workload_account(self, node: Node) -> str | None:
        """The service account of the workload, or of the pod, that a node says it is; None if no such workload was registered.

        Raises: UnknownProxy where every one is known, and there is none of this name.
        """
        ...

    def completed(self, node: Node) -> Node:
        """A node whose claims hold, with what is known of it here and does not depend on its word."""
        ...


class ClaimRefused(Exception):
    """The proxy claims to be something that its certificate does not bear out. The message says what."""


class UnknownProxy(Exception):
    """There is no Gateway, or no workload, of that name, perhaps not yet."""


class WrongNode(Exception):
    """There is no node document that could be read."""


def read_node(message: NodeMessage) -> Node:
    """The node document that a request carries.

    Raises: WrongNode.
    """
    text = message.metadata.fields[NODE_FIELD].string_value if NODE_FIELD in message.metadata.fields else ""
    if not text:
        raise WrongNode(f"the request's node has no {NODE_FIELD!r} in its metadata; a proxy sends its node document there")
    if len(text) > LARGEST_NODE:
        raise WrongNode(f"the node document has {len(text)} characters; at most {LARGEST_NODE} are read")
    try:
        return msgspec.json.decode(text, type=Node)
    except (msgspec.MsgspecError, ValueError) as error:
        raise WrongNode(f"the node document cannot be read: {str(error)[:_LONGEST_QUOTE]}") from error


def read_program(message: NodeMessage) -> str:
    """The program that a proxy runs, and its version, as it says; shortened."""
    return f"{message.user_agent_name} {message.user_agent_version}"[:_LONGEST_PROGRAM].strip()


def read_in_force_since(message: NodeMessage, now: float) -> float:
    """Since when what a proxy brings along is in force there, in seconds since the epoch; 0 if it does not say so.

    Args: now - what lies behind it is nonsense, or another clock's: taken for now.
    """
    fields = message.metadata.fields
    since = fields[IN_FORCE_FIELD].number_value if IN_FORCE_FIELD in fields else 0.0
    return min(since, now) if since > 0 else 0.0


def check_claims(caller: SpiffeId, node: Node, directory: Directory) -> None:
    """Hold what a proxy says of itself against who it is.

    Everybody is of the certificate's namespace. A sidecar's workload, where one of that name was registered, has the
    certificate's service account. A gateway is the one whose service account it has, which is made of the Gateway's name, or it
    is called by its pod.

    Args: caller - from the client certificate.
    Raises: ClaimRefused; UnknownProxy.
    """
    if node.identity and node.identity != str(caller):
        raise ClaimRefused(f"it calls itself {_quote(node.identity)}")
    if node.namespace != caller.namespace:
        raise ClaimRefused(f"it claims the namespace {_quote(node.namespace)}, its certificate is of {_quote(caller.namespace)}")
    if node.role == "gateway":
        _check_gateway(caller, node, directory)
    if node.role != "gateway" or node.pod:
        account = directory.workload_account(node)
        if account not in {None, caller.service_account}:
            name = _quote(node.pod or node.name)
            raise ClaimRefused(f"it claims to be the workload {name}, which has another service account")


def _check_gateway(caller: SpiffeId, node: Node, directory: Directory) -> None:
    namespace, slash, name = node.name.partition("/")
    if not slash or namespace != caller.namespace:
        raise ClaimRefused(f"it claims to be the gateway {_quote(node.name)}, which is not of its namespace")
    if node.pod and name == unnamed_gateway(node.pod):
        # It serves what leads to its pod, and the pod is held against the certificate like every other.
        return
    accounts = directory.gateway_accounts(namespace, name)
    if caller.service_account in accounts:
        return
    # Whether another one exists is nobody's business.
    if not accounts and caller.service_account.startswith(f"{name_prefix(name)}-"):
        raise UnknownProxy(f"there is no Gateway {_quote(node.name)}")
    raise ClaimRefused(_wrong_account(caller, node))


def _wrong_account(caller: SpiffeId, node: Node) -> str:
    return f"it claims to be the gateway {_quote(node.name)}, but its service account is {_quote(caller.service_account)}"


def _quote(text: str) -> str:
    return repr(text[:_LONGEST_QUOTE])
