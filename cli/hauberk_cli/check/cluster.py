"""What should be so in a cluster."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from cryptography import x509

from hauberk_cli.check.api import Asks, ObjectApi
from hauberk_cli.check.checks import Check, Group
from hauberk_cli.check.clocks import clock_check
from hauberk_cli.check.injection import InjectionChecks, proxy_of
from hauberk_cli.check.permissions import PermissionChecks
from hauberk_cli.check.proxies import ProxyChecks
from hauberk_cli.check.settings import ControlSettings
from hauberk_cli.check.told import named
from hauberk_cli.install.chart import OLDEST_KUBERNETES
from hauberk_cli.install.objects.definitions import definitions
from hauberk_cli.install.objects.injector import INJECTOR
from hauberk_cli.install.objects.naming import NAME
from hauberk_control.translate.view import CONTROLLER
from hauberk_core import pod
from hauberk_core.build_info import version

_AUTHORITY: Final = "hauberk-ca"
_ROOT_DAYS: Final = 60
"""A root that ends sooner is to be replaced now: nobody likes to do it in a hurry."""
_GATEWAY_API: Final = "gateway.networking.k8s.io/v1"
_KINDS: Final = ("GatewayClass", "Gateway", "HTTPRoute")


class _Version(msgspec.Struct, rename="camel"):
    git_version: str


class ClusterChecks:
    """The checks of one installation."""

    def __init__(self, client: Asks, objects: ObjectApi, namespace: str, now: dt.datetime) -> None:
        self._client: Final = client
        self._objects: Final = objects
        self._namespace: Final = namespace
        self._now: Final = now
        self._permissions: Final = PermissionChecks(client, namespace)
        settings = ControlSettings(objects, namespace)
        self._injecting: Final = InjectionChecks(client, objects, settings)
        self._proxies: Final = ProxyChecks(client, objects, settings)

    def groups(self, *, before: bool) -> list[Group]:
        """All of them. Args: before - only what an installation needs."""
        needed = [
            Group(
                "kubernetes-api",
                [
                    Check("the API server can be asked", "check $KUBECONFIG: kubectl cluster-info", self._can_ask, fatal=True),
                    Check(f"Kubernetes is {OLDEST_KUBERNETES} or newer", "upgrade the cluster", self._is_new_enough),
                    clock_check(self._objects, self._now),
                ],
            ),
            Group(
                "gateway-api",
                [
                    Check(
                        "Gateway API's resource definitions are installed",
                        "https://gateway-api.sigs.k8s.io/guides/#installing-gateway-api",
                        self._serves_gateway_api,
                    )
                ],
            ),
        ]
        if before:
            return [*needed, self._permissions.before()]
        return [*needed, self._control(), self._identity(), self._injection(), self._data_plane()]

    def _control(self) -> Group:
        logs = f"kubectl -n {self._namespace} logs deployment/{NAME}"
        return Group(
            "control",
            [
                Check("control is installed", "hauberk install", self._control_is_there, fatal=True),
                Check("control serves", logs, self._control_serves),
                self._permissions.control(),
                Check("the definitions of our kinds are installed", "hauberk upgrade", self._definitions_are_there),
                Check("control is of this command's version", "hauberk upgrade", self._control_is_current, warns=True),
            ],
        )

    def _identity(self) -> Group:
        return Group(
            "identity",
            [
                Check("the mesh has an authority", "control makes it when it starts; see its log", self._authority_is_there),
                Check("every namespace has the mesh's root", "the leading control writes it; see its log", self._roots_are_there),
                Check(f"the root is good for {_ROOT_DAYS} days", "docs/reference/certificates.md", self._root_lasts, warns=True),
            ],
        )

    def _injection(self) -> Group:
        return Group(
            "injection",
            [
                Check(
                    "the injecting webhook is registered",
                    "hauberk install --set webhook.enabled=true",
                    self._webhook_is_there,
                    warns=True,
                ),
                Check("the API server knows whom to trust there", "control writes it; see its log", self._webhook_is_trusted),
                self._injecting.works(),
                self._injecting.captures(),
            ],
        )

    def _data_plane(self) -> Group:
        return Group(
            "data-plane",
            [
                Check("a GatewayClass of ours is accepted", "hauberk install", self._class_is_accepted),
                Check(
                    "every Gateway is programmed",
                    "kubectl describe gateway, and read its conditions",
                    self._gateways_serve,
                    warns=True,
                ),
                Check("every proxy is ready", "kubectl describe pod, and read its events", self._proxies_are_ready, warns=True),
                *self._proxies.checks(),
            ],
        )

    # Each returns what is wrong, or nothing.

    async def _can_ask(self) -> str:
        await self._client.request("GET", "/version")
        return ""

    async def _is_new_enough(self) -> str:
        told = msgspec.json.decode(await self._client.request("GET", "/version"), type=_Version).git_version
        numbers = told.removeprefix("v").split(".")[:2]
        oldest = [int(number) for number in OLDEST_KUBERNETES.split(".")]
        return "" if [int(number) for number in numbers] >= oldest else f"it is {told}"

    async def _serves_gateway_api(self) -> str:
        answer = msgspec.json.decode(await self._client.request("GET", f"/apis/{_GATEWAY_API}"))
        missing = [kind for kind in _KINDS if kind not in {one["kind"] for one in answer["resources"]}]
        return f"{', '.join(missing)} of {_GATEWAY_API} missing" if missing else ""

    async def _control_is_there(self) -> str:
        return "" if await self._deployments() else f"there is no control in the namespace {self._namespace}"

    async def _control_serves(self) -> str:
        lacking = [one for one in await self._deployments() if one.get("status", {}).get("availableReplicas", 0) < 1]
        return named(lacking, "no pod is ready")

    async def _control_is_current(self) -> str:
        images = {one["spec"]["template"]["spec"]["containers"][0]["image"] for one in await self._deployments()}
        other = [image for image in sorted(images) if not image.endswith(f":{version()}")]
        return f"it runs {', '.join(other)}, this is {version()}" if other else ""

    async def _definitions_are_there(self) -> str:
        served = await self._objects.list("apiextensions.k8s.io/v1", "CustomResourceDefinition", "")
        there = {one["metadata"]["name"] for one in served if _holds(one, "Established")}
        wanted: list[Mapping[str, Any]] = list(definitions())
        return named([one for one in wanted if one["metadata"]["name"] not in there], "missing")

    async def _authority_is_there(self) -> str:
        for name in (_AUTHORITY, "cacerts"):
            if await self._objects.get("v1", "Secret", self._namespace, name) is not None:
                return ""
        return f"there is no Secret {self._namespace}/{_AUTHORITY}, nor one called cacerts"

    async def _roots_are_there(self) -> str:
        having = {one["metadata"]["namespace"] for one in await self._roots()}
        namespaces = await self._objects.list("v1", "Namespace", "")
        lacking = [
            one for one in namespaces if one["metadata"]["name"] not in having and "deletionTimestamp" not in one["metadata"]
        ]
        return named(lacking, f"no ConfigMap {pod.ROOT_CONFIG_MAP}")

    async def _root_lasts(self) -> str:
        found = await self._objects.get("v1", "ConfigMap", self._namespace, pod.ROOT_CONFIG_MAP)
        if found is None:
            return f"there is no ConfigMap {self._namespace}/{pod.ROOT_CONFIG_MAP}"
        roots = x509.load_pem_x509_certificates(found["data"][pod.ROOT_FILE].encode())
        end = max(root.not_valid_after_utc for root in roots)
        return "" if end - self._now >= dt.timedelta(days=_ROOT_DAYS) else f"it ends at {end:%Y-%m-%d}"

    async def _webhook_is_there(self) -> str:
        return "" if await self._webhooks() else "pods get no sidecars by themselves"

    async def _webhook_is_trusted(self) -> str:
        lacking = [
            one
            for one in await self._webhooks()
            if not all(hook["clientConfig"].get("caBundle") for hook in one.get("webhooks", ()))
        ]
        return named(lacking, "no authority")

    async def _class_is_accepted(self) -> str:
        classes = await self._objects.list(_GATEWAY_API, "GatewayClass", "")
        ours = [one for one in classes if one["spec"]["controllerName"] == CONTROLLER]
        if not ours:
            return f"there is no GatewayClass of the controller {CONTROLLER}"
        return named([one for one in ours if not _holds(one, "Accepted")], "not accepted")

    async def _gateways_serve(self) -> str:
        classes = await self._objects.list(_GATEWAY_API, "GatewayClass", "")
        ours = {one["metadata"]["name"] for one in classes if one["spec"]["controllerName"] == CONTROLLER}
        gateways = await self._objects.list(_GATEWAY_API, "Gateway", "")
        lacking = [one for one in gateways if one["spec"]["gatewayClassName"] in ours and not _holds(one, "Programmed")]
        return named(lacking, "not programmed")

    async def _proxies_are_ready(self) -> str:
        lacking = [one for one in await self._objects.list("v1", "Pod", "") if proxy_of(one) is not None and not _is_ready(one)]
        return named(lacking, "not ready")

    async def _deployments(self) -> list[Mapping[str, Any]]:
        found = await self._objects.list("apps/v1", "Deployment", f"app={NAME}")
        return [one for one in found if one["metadata"]["namespace"] == self._namespace]

    async def _webhooks(self) -> Sequence[Mapping[str, Any]]:
        return await self._objects.list("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", f"app={INJECTOR}")

    async def _roots(self) -> list[Mapping[str, Any]]:
        found = await self._objects.list("v1", "ConfigMap", "")
        return [one for one in found if one["metadata"]["name"] == pod.ROOT_CONFIG_MAP]


def _holds(manifest: Mapping[str, Any], condition: str) -> bool:
    conditions = manifest.get("status", {}).get("conditions", ())
    return any(one["type"] == condition and one["status"] == "True" for one in conditions)


def _is_ready(manifest: Mapping[str, Any]) -> bool:
    """Whether a pod is, or need not be any more."""
    return manifest.get("status", {}).get("phase") == "Succeeded" or _holds(manifest, "Ready")
