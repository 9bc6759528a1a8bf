"""The configuration in force, without what gives access to something."""

import json
from typing import Final

import msgspec

from hauberk_core.agent.state import AgentState
from hauberk_core.model.codec import to_plain

# Header fields whose values give access to something. They stand in the configuration where a route sets them.
_SECRET_FIELDS: Final = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"})
# The name under which plugins keep secrets in their configuration.
_HIDDEN_MEMBER: Final = "secret"
REDACTED: Final = "[redacted]"


class ConfigDump(msgspec.Struct, frozen=True, kw_only=True):
    """What a proxy serves by."""

    proxy: str
    """What it was told that it is called."""
    number: int
    """Counts the configurations that came into force since the agent started; 0: none yet."""
    refused: dict[str, str]
    """Why the latest configuration, or the latest certificates, are not in force; empty if they are."""
    addresses: dict[str, str]
    """Where each listener listens, by name."""
    snapshot: msgspec.Raw
    """The configuration, as a configuration file has it; null: none yet. `[redacted]` stands for what gives access to something:
    the values of header fields such as `authorization`, and plugins' secrets. Keys are in no configuration."""


def dump_configuration(state: AgentState) -> ConfigDump:
    """What is in force now."""
    target = state.target
    snapshot = None if target is None else _redact(to_plain(target.snapshot))
    return ConfigDump(
        proxy=state.name,
        number=0 if target is None else target.number,
        refused=dict(state.refusals),
        addresses={name: str(address) for name, address in state.addresses.items()},
        # By `json`, because plugins' configurations may hold whole numbers of any size.
        snapshot=msgspec.Raw(json.dumps(snapshot, ensure_ascii=False).encode()),
    )


def _redact(value: object) -> object:
    """Hide the values of secret header fields, which the model writes as pairs of name and value, and plugins' secrets.

    As deep as the model.
    """
    if isinstance(value, dict):
        return {name: REDACTED if name == _HIDDEN_MEMBER else _redact(member) for name, member in value.items()}
    if isinstance(value, list):
        match value:
            case [str(name), str()] if name.lower() in _SECRET_FIELDS:
                return [name, REDACTED]
        return [_redact(item) for item in value]
    return value
