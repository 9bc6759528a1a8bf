"""What there is to say of one proxy's configuration, beside the configuration itself."""

from typing import NamedTuple

from hauberk_control.translate.finding import Finding
from hauberk_core.model.errors import ConfigError


class Notes(NamedTuple):
    """For the status of objects and of proxies."""

    findings: tuple[Finding, ...] = ()
    """What is wrong with objects, as far as only a translation for a proxy tells: the word of plugins."""
    problems: tuple[ConfigError, ...] = ()
    """What is wrong with the proxy's own wishes, and with plugins that failed."""
