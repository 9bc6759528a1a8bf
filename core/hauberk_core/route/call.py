"""A condition on a gRPC call as one on its path, `/service/method`, and how much it says."""

from typing import Final

from hauberk_core.model.route import GrpcMatch
from hauberk_core.model.syntax import LONGEST_PATH

_ANY_PART: Final = "[^/]+"


def call_pattern(call: GrpcMatch) -> str:
    """The regular expression for the paths of the calls that a `regex` condition takes."""
    return "/" + _part(call.service) + "/" + _part(call.method)


def call_characters(call: GrpcMatch) -> int:
    """By what two conditions of one class are told apart: the one with more characters of a service goes first, then the one with
    more of a method (Gateway API, GRPCRoute, `GRPCRouteRule.matches`)."""
    return len(call.service) * (LONGEST_PATH + 1) + len(call.method)


def _part(expression: str) -> str:
    return f"(?:{expression})" if expression else _ANY_PART
