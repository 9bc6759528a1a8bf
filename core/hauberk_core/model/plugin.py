"""A plugin's own configuration, carried unread by the core."""

import msgspec


class PluginConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Configuration for one plugin, named by the entry point under which it was found."""

    plugin: str
    config: msgspec.Raw = msgspec.Raw(b"{}")
