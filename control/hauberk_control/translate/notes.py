"""What there is to say of one proxy's configuration, beside the configuration itself."""

from typing import Literal, NamedTuple

from hauberk_control.store import ObjectKey
from hauberk_control.translate.finding import Finding
from hauberk_core.model.errors import ConfigError


class MissingPlugin(NamedTuple):
    """A plugin that the proxy was to use and does not have, or not in a version that is wanted."""

    policy: ObjectKey | None
    """Who wants it; None: a plugin's own translation."""
    plugin: str
    failure: Literal["open", "closed"]
    """`open`: its requests go on without it; `closed`: they are answered with 503."""
    installed: str | None = None
    """The version that the proxy has; empty: it does not know; None: it has none."""
    wanted: str = ""
    """Versions that would do; empty: any."""


class Notes(NamedTuple):
    """For the status of objects and of proxies."""

    findings: tuple[Finding, ...] = ()
    """What is wrong with objects, as far as only a translation for a proxy tells: the word of plugins."""
    problems: tuple[ConfigError, ...] = ()
    """What is wrong with the proxy's own wishes, and with plugins that failed."""
    policies: frozenset[ObjectKey] = frozenset()
    """Policies that have a part in the configuration: once the proxy has it, they are in force there."""
    missing: tuple[MissingPlugin, ...] = ()
    gateways: tuple[str, ...] = ()
    """Those that a gateway's proxy serves, as `namespace/name`."""
