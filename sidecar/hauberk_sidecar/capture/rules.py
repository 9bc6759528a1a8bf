"""The rules as a list of conditions and verdicts, before anybody writes them in the words of nftables or iptables.

Two chains of decisions: `INBOUND` sees what comes in over the network, `OUTBOUND` what processes of the pod begin. The first rule
that fits decides; a connection that none fits is left alone.

The proxy's own connections are told apart by where they come from and where they go:

- to its workload, from an address that only they have: left alone;
- to an address of the pod, over the loopback device: the workload calls itself by the name of a service, and is called like any
  other, through the inbound side;
- any other of the proxy: left alone.
"""

import ipaddress
from typing import Final, Literal, NamedTuple

from hauberk_core.pod import INBOUND_PROBE, INBOUND_SOURCES, NEVER_CAPTURED_PORTS, OUTBOUND_PROBE, REDIRECT_PROBE_PORT
from hauberk_sidecar.capture.settings import Capture, Network

Verdict = Literal["leave", "to inbound", "to outbound", "ask inbound"]
"""`leave`: not captured; `to ...`: captured; `ask inbound`: the inbound rules decide."""


class Rule(NamedTuple):
    """Fits a TCP connection that meets every condition given."""

    verdict: Verdict
    why: str
    """For whoever reads the installed rules."""
    loopback: bool = False
    """It goes over the loopback device."""
    sources: tuple[Network, ...] = ()
    destinations: tuple[Network, ...] = ()
    other_destinations: tuple[Network, ...] = ()
    """It goes anywhere but there."""
    ports: tuple[int, ...] = ()
    """Of its destination."""
    user: int | None = None
    group: int | None = None


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple([ipaddress.ip_network(text) for text in texts])


# 127.0.0.6 and .7 are the proxy's own, so that it is the one address of the first and not its whole range.
_LOCALHOST: Final = _networks("127.0.0.1", "::1")


def inbound_rules(capture: Capture) -> tuple[Rule, ...]:
    """What becomes of connections that come in."""
    rules = [Rule("leave", "the agent answers there itself", ports=NEVER_CAPTURED_PORTS)]
    if capture.inbound_ports is not None:
        if capture.inbound_ports:
            rules.append(Rule("to inbound", "included ports", ports=capture.inbound_ports))
        return tuple(rules)
    if capture.exclude_inbound_ports:
        rules.append(Rule("leave", "excluded ports", ports=capture.exclude_inbound_ports))
    rules.append(Rule("to inbound", "every other port"))
    return tuple(rules)


def outbound_rules(capture: Capture) -> tuple[Rule, ...]:
    """What becomes of connections that the pod's processes begin."""
    user = capture.user
    probe = (REDIRECT_PROBE_PORT,)
    rules = [
        Rule("leave", "the proxy calls its workload", loopback=True, sources=_networks(*INBOUND_SOURCES)),
        Rule("to outbound", "the proxy checks this road", destinations=_networks(OUTBOUND_PROBE), ports=probe, user=user),
        Rule("to inbound", "the proxy checks this road", destinations=_networks(INBOUND_PROBE), ports=probe, user=user),
    ]
    if capture.exclude_outbound_ports:
        rules.append(Rule("leave", "excluded ports", ports=capture.exclude_outbound_ports))
    rules += [
        Rule(
            "ask inbound",
            "the workload calls itself through the proxy",
            loopback=True,
            other_destinations=_LOCALHOST,
            user=user,
        ),
        Rule("leave", "processes of the pod call each other", loopback=True),
        Rule("leave", "the proxy calls others", user=user),
        Rule("leave", "the proxy calls others", group=user),
        Rule("leave", "localhost", destinations=_LOCALHOST),
    ]
    if capture.exclude_outbound_ranges:
        rules.append(Rule("leave", "excluded ranges", destinations=capture.exclude_outbound_ranges))
    if capture.outbound_ports:
        rules.append(Rule("to outbound", "included ports", ports=capture.outbound_ports))
    if capture.outbound_ranges is None:
        rules.append(Rule("to outbound", "every other destination"))
    elif capture.outbound_ranges:
        rules.append(Rule("to outbound", "included ranges", destinations=capture.outbound_ranges))
    return tuple(rules)
