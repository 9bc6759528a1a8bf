"""The rules in the words of nftables: one table of our own for both families, replaced in one transaction."""

from collections.abc import Sequence
from typing import Final

from hauberk_core.pod import INBOUND_PORT, OUTBOUND_PORT
from hauberk_sidecar.capture.rules import Rule, inbound_rules, outbound_rules
from hauberk_sidecar.capture.settings import Capture, Network

TABLE: Final = "inet hauberk"
SHOW: Final = f"nft list table {TABLE}"
_VERDICTS: Final = {
    "leave": "return",
    # A redirect has to know that it is TCP's port that it sets.
    "to inbound": f"meta l4proto tcp redirect to :{INBOUND_PORT}",
    "to outbound": f"meta l4proto tcp redirect to :{OUTBOUND_PORT}",
    "ask inbound": "goto inbound",
}


def render(capture: Capture) -> str:
    """The script for `nft -f -`. Run again it replaces what it made before; it either takes effect as a whole or not at all."""
    lines = [
        # Deleting what is not there would fail; adding what is there does not.
        f"table {TABLE}",
        f"delete table {TABLE}",
        f"table {TABLE} {{",
        "  chain inbound {",
        *_lines(inbound_rules(capture)),
        "  }",
        "  chain outbound {",
        *_lines(outbound_rules(capture)),
        "  }",
        "  chain from-network {",
        "    type nat hook prerouting priority dstnat; policy accept;",
        "    meta l4proto tcp jump inbound",
        "  }",
        "  chain from-pod {",
        # The same place that `dstnat` is; older programs do not know that name for output.
        "    type nat hook output priority -100; policy accept;",
        "    meta l4proto tcp jump outbound",
        "  }",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _lines(rules: Sequence[Rule]) -> list[str]:
    return [line for rule in rules for line in _rule(rule)]


def _rule(rule: Rule) -> list[str]:
    """One line, or one for each family of addresses."""
    common: list[str] = []
    if rule.loopback:
        common.append('oifname "lo"')
    if rule.ports:
        common.append(f"tcp dport {_set([str(port) for port in rule.ports])}")
    if rule.user is not None:
        common.append(f"meta skuid {rule.user}")
    if rule.group is not None:
        common.append(f"meta skgid {rule.group}")
    end = f'{_VERDICTS[rule.verdict]} comment "{rule.why}"'
    lines: list[str] = []
    for version, word in ((4, "ip"), (6, "ip6")):
        conditions: list[str] = []
        for networks, member, sign in (
            (rule.sources, "saddr", ""),
            (rule.destinations, "daddr", ""),
            (rule.other_destinations, "daddr", "!= "),
        ):
            own = [_text(network) for network in networks if network.version == version]
            if own:
                conditions.append(f"{word} {member} {sign}{_set(own)}")
        if conditions:
            lines.append(" ".join(["   ", *conditions, *common, end]))
    if not lines and not (rule.sources or rule.destinations or rule.other_destinations):
        lines.append(" ".join(["   ", *common, end]))
    return lines


def _text(network: Network) -> str:
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _set(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else "{ " + ", ".join(items) + " }"
