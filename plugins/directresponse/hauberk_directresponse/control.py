"""The control half of directresponse: the entry point `directresponse` of the group `hauberk.control`."""

from typing import Final

from hauberk_core.plugin.control import PolicyUse, hookimpl
from hauberk_directresponse.config import read_answer

HAUBERK_API: Final = "1"


@hookimpl
def hauberk_policy(config: dict[str, object]) -> PolicyUse:
    """What a PluginPolicy means. Raises: ValueError for one that is wrong."""
    read_answer(config)
    return PolicyUse()
