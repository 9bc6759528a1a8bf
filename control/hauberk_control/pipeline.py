"""From a store to what every proxy serves, with the plugins' part in it: the same wherever the objects come from."""

from functools import partial
from typing import Final

from hauberk_control.discovery.claims import Directory
from hauberk_control.discovery.service import DiscoveryService
from hauberk_control.discovery.snapshots import Configurations
from hauberk_control.plugins import PluginTranslation
from hauberk_control.secret import derived
from hauberk_control.store import Store
from hauberk_control.translate.plugin_fields import fields_without
from hauberk_control.translate.translate import Translator
from hauberk_control.translate.view import View
from hauberk_core.plugin.control_plugins import read_policy, with_plugin_kinds
from hauberk_core.plugin.host import control_host
from hauberk_core.resources.registry import CORE_KINDS, Kinds


class Pipeline:
    """Plugins, translation and discovery of one control."""

    def __init__(self, directory: Directory, trust_domain: str, *, on_cluster: bool = False) -> None:
        """Args: directory - holds proxies' claims against what is known; on_cluster - whether pods are made for Gateways."""
        plugins = control_host()
        kinds, failures = with_plugin_kinds(plugins, CORE_KINDS)
        self.kinds: Final[Kinds] = kinds
        """All that are read, plugins' too."""
        self.failures: Final = tuple(failures)
        """Of plugins whose kinds are not read."""
        self.secret = b""
        """The mesh's, from which plugins get theirs; to be set before the first store is published."""
        undone = fields_without(plugins.names())
        self._translator: Final = Translator(partial(read_policy, plugins), on_cluster=on_cluster, undone=undone)
        self._observer: Final = Translator(partial(read_policy, plugins), on_cluster=on_cluster, undone=undone)
        """Looks at stores for those who do not serve proxies: its own memory lets them work in threads of their own."""
        translation = PluginTranslation(self._translator, plugins, lambda purpose: derived(self.secret, purpose))
        self._configurations: Final = Configurations[Store](translation.translate)
        self.discovery: Final = DiscoveryService(self._configurations, directory, trust_domain)

    def publish(self, store: Store) -> None:
        """From now on `store` is what counts."""
        self._configurations.publish(store)

    def view(self, store: Store) -> View:
        """A store as translation looks at it. From the thread that publishes."""
        return self._translator.view(store)

    def observed(self, store: Store) -> View:
        """The same, worked out apart from translation. From one thread at a time."""
        return self._observer.view(store)
