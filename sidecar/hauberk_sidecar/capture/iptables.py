"""The rules in the words of iptables, where there is no nftables: chains of our own, each family replaced in one transaction."""

from collections.abc import Sequence
from itertools import product
from typing import Final, Literal

from hauberk_core.pod import INBOUND_PORT, OUTBOUND_PORT
from hauberk_sidecar.capture.rules import Rule, inbound_rules, outbound_rules
from hauberk_sidecar.capture.settings import Capture, Network

Version = Literal[4, 6]
SHOW: Final = {4: "iptables-save -t nat", 6: "ip6tables-save -t nat"}
JUMPS: Final = (("PREROUTING", "CAPTURE_IN"), ("OUTPUT", "CAPTURE_OUT"))
"""From which of the kernel's chains to which of ours."""
_VERDICTS: Final = {
    "leave": "RETURN",
    "to inbound": f"REDIRECT --to-ports {INBOUND_PORT}",
    "to outbound": f"REDIRECT --to-ports {OUTBOUND_PORT}",
}
# Of one rule: the bound of its `multiport` match.
_MOST_PORTS: Final = 15


def render(capture: Capture, version: Version, missing_jumps: Sequence[tuple[str, str]]) -> str:
    """The script for `iptables-restore --noflush`, which empties the chains that it declares and touches no other.

    Args: missing_jumps - those of `JUMPS` that are not there yet.
    """
    lines = ["*nat", ":CAPTURE_IN - [0:0]", ":CAPTURE_OUT - [0:0]"]
    lines += [f"-A {source} -p tcp -j {target}" for source, target in missing_jumps]
    for chain, rules in (("CAPTURE_IN", inbound_rules(capture)), ("CAPTURE_OUT", outbound_rules(capture))):
        for rule in rules:
            lines += [f"-A {chain} {conditions}" for conditions in _rule(rule, version)]
    lines.append("COMMIT")
    return "\n".join(lines) + "\n"


def _rule(rule: Rule, version: Version) -> list[str]:
    """As many lines as it takes: a line has one range and some ports. None where the rule is about the other family."""
    verdict = "-g CAPTURE_IN" if rule.verdict == "ask inbound" else f"-j {_VERDICTS[rule.verdict]}"
    common: list[str] = []
    if rule.loopback:
        common.append("-o lo")
    if rule.user is not None:
        common.append(f"-m owner --uid-owner {rule.user}")
    if rule.group is not None:
        common.append(f"-m owner --gid-owner {rule.group}")
    places: list[Sequence[str]] = []
    for networks, option in (
        (rule.sources, "-s "),
        (rule.destinations, "-d "),
        (rule.other_destinations, "! -d "),
    ):
        if networks:
            places.append([option + str(network) for network in _own(networks, version)])
    if rule.ports:
        groups = [rule.ports[start : start + _MOST_PORTS] for start in range(0, len(rule.ports), _MOST_PORTS)]
        places.append(["-m multiport --dports " + ",".join([str(port) for port in group]) for group in groups])
    # Names of rules, for whoever reads them.
    comment = f'-m comment --comment "{rule.why}"'
    return [" ".join(["-p tcp", *chosen, *common, comment, verdict]) for chosen in product(*places)]


def _own(networks: Sequence[Network], version: Version) -> list[Network]:
    return [network for network in networks if network.version == version]
