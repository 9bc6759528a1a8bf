"""Whether proxies are of the installed version, and have what control has for them."""

import re
from collections.abc import Mapping
from typing import Any, Final

from hauberk_cli.check.api import Asks, ObjectApi
from hauberk_cli.check.checks import Check
from hauberk_cli.check.injection import proxy_of
from hauberk_cli.check.settings import ControlSettings
from hauberk_cli.check.told import named
from hauberk_cli.install.objects.naming import NAME
from hauberk_core import pod

_COUNTED: Final = re.compile(r'^hauberk_control_proxies\{role="([a-z]+)",state="(refused|behind)"\} ([0-9.]+)$', re.MULTILINE)


class ProxyChecks:
    """The checks of the data plane that its pods' readiness does not show."""

    def __init__(self, client: Asks, objects: ObjectApi, settings: ControlSettings) -> None:
        self._client: Final = client
        self._objects: Final = objects
        self._settings: Final = settings

    def checks(self) -> list[Check]:
        """None of them stops traffic."""
        return [
            Check(
                "every proxy is of the installed version",
                "kubectl rollout restart, for the workloads of these pods",
                self._are_current,
                warns=True,
            ),
            Check("every proxy has the latest configuration", "hauberk proxies --kubernetes", self._have_the_latest, warns=True),
        ]

    async def _are_current(self) -> str:
        image = (await self._settings.get()).image
        pods = await self._objects.list("v1", "Pod", "")
        return named([one for one in pods if _is_of_another_version(one, image)], f"not {image}")

    async def _have_the_latest(self) -> str:
        found: list[str] = []
        for one in await self._objects.list("v1", "Pod", f"app={NAME}"):
            if one.get("status", {}).get("phase") != "Running":
                continue
            namespace, name = one["metadata"]["namespace"], one["metadata"]["name"]
            path = f"/api/v1/namespaces/{namespace}/pods/{name}:{pod.CONTROL_METRICS_PORT}/proxy/metrics"
            text = (await self._client.request("GET", path)).decode(errors="replace")
            found += [f"{float(count):.0f} of role {role} {state}" for role, state, count in _COUNTED.findall(text)]
        return f"not so: {', '.join(found)}" if found else ""


def _is_of_another_version(manifest: Mapping[str, Any], image: str) -> bool:
    """Images of another name are derived ones, and somebody else's to keep up to date."""
    proxy = proxy_of(manifest)
    if proxy is None:
        return False
    name, _, tag = image.rpartition(":")
    used, _, other = str(proxy.get("image", "")).rpartition(":")
    return used == name and other != tag
