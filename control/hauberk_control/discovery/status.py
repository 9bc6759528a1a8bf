"""What is known of each connected proxy, for people: where it stands, and what it last refused and why."""

import msgspec

from hauberk_control.translate.notes import Notes


class LastRefusal(msgspec.Struct, frozen=True, kw_only=True):
    """What a proxy refused last, since it connected."""

    version: str
    """Of the configuration."""
    reason: str
    at: float
    """Seconds since the epoch."""


class ProxyStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One proxy's stream. Times are seconds, since the epoch where a field says `at` or `since`."""

    identity: str
    role: str
    name: str
    namespace: str
    address: str
    """Where it came from, as gRPC writes it."""
    plugins: dict[str, str]
    program: str
    """What it runs, and of which version, as it says; empty: it does not."""
    connected_since: float
    version: str
    """Of the configuration that it acknowledged; empty: none yet."""
    in_force_since: float
    """Since when it serves by that one; 0: by none yet."""
    current: bool
    """Whether that is the latest."""
    behind_seconds: float
    """For how long it has not been the latest; 0 if it is."""
    resources: int
    refused_version: str = ""
    """Of the configuration that it refused; empty unless that was its last answer."""
    refused_reason: str = ""
    last_refusal: LastRefusal | None = None
    """Also where it is settled by now."""
    notes: Notes = Notes()
    """On the latest configuration."""
