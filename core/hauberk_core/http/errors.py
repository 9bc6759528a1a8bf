"""Whose fault it is: the peer's (`Violation`) or our own caller's (`LocalProtocolError`)."""

from typing import Final

from hauberk_core.model.reason import Reason


class Violation(Exception):
    """A peer broke a rule or a limit. Stays inside the machines, which report it as a `Fault` event."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Final = reason
        self.detail: Final = detail


class LocalProtocolError(Exception):
    """What a machine was asked to send would leave the peer out of step: nothing of it was sent; the connection must be closed.

    It means that the other side of the proxy lied about a length, or that the proxy itself has a fault.
    """
