"""What control was told of proxies, as it stands in the cluster."""

from typing import Final

from hauberk_cli.check.api import ObjectApi
from hauberk_control.proxy_settings import ProxySettings, read_settings
from hauberk_core.model.errors import ConfigErrors

_NAME: Final = "hauberk-settings"
_FILE: Final = "settings.yaml"


class ControlSettings:
    """Reads them once."""

    def __init__(self, objects: ObjectApi, namespace: str) -> None:
        self._objects: Final = objects
        self._namespace: Final = namespace
        self._found: ProxySettings | None = None

    async def get(self) -> ProxySettings:
        """The settings; where there are none that can be read, the defaults. Raises: ApiError."""
        if self._found is None:
            found = await self._objects.get("v1", "ConfigMap", self._namespace, _NAME)
            text = (found or {}).get("data", {}).get(_FILE, "{}")
            try:
                self._found = read_settings(text.encode(), _NAME)
            except ConfigErrors:
                self._found = ProxySettings()  # of another version than this command
        return self._found
