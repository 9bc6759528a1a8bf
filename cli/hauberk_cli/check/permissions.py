"""Who may do what: whoever installs, before; control, afterwards."""

from typing import Final, NamedTuple

import msgspec

from hauberk_cli.check.api import Asks
from hauberk_cli.check.checks import Check, Group
from hauberk_cli.install.objects.naming import NAME

_API: Final = "/apis/authorization.k8s.io/v1"


class _Right(NamedTuple):
    group: str
    resource: str
    verb: str
    in_namespace: bool = False

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}{'.' if self.group else ''}{self.group}"


_TO_INSTALL: Final = (
    _Right("", "namespaces", "create"),
    _Right("apiextensions.k8s.io", "customresourcedefinitions", "create"),
    _Right("rbac.authorization.k8s.io", "clusterroles", "create"),
    _Right("rbac.authorization.k8s.io", "clusterrolebindings", "create"),
    _Right("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "create"),
    _Right("gateway.networking.k8s.io", "gatewayclasses", "create"),
    _Right("apps", "deployments", "create", in_namespace=True),
    _Right("", "services", "create", in_namespace=True),
    _Right("", "serviceaccounts", "create", in_namespace=True),
    _Right("", "configmaps", "create", in_namespace=True),
    _Right("policy", "poddisruptionbudgets", "create", in_namespace=True),
    _Right("networking.k8s.io", "networkpolicies", "create", in_namespace=True),
)
_OF_CONTROL: Final = (
    _Right("", "pods", "watch"),
    _Right("discovery.k8s.io", "endpointslices", "watch"),
    _Right("gateway.networking.k8s.io", "gateways", "watch"),
    _Right("authentication.k8s.io", "tokenreviews", "create"),
    _Right("apps", "deployments", "patch"),
    _Right("coordination.k8s.io", "leases", "create", in_namespace=True),
)


class _Status(msgspec.Struct, frozen=True):
    allowed: bool = False


class _Review(msgspec.Struct, frozen=True):
    status: _Status = _Status()


class PermissionChecks:
    """Asks the API server what it would allow."""

    def __init__(self, client: Asks, namespace: str) -> None:
        self._client: Final = client
        self._namespace: Final = namespace

    def before(self) -> Group:
        """Whether an installation would be let through."""
        hint = "have a cluster's administrator install, or grant you these"
        return Group("permissions", [Check("you may create what an installation has", hint, self._may_install)])

    def control(self, account: str = NAME) -> Check:
        """Whether control has its rights."""
        return Check("control may do what it has to", "hauberk upgrade", lambda: self._may_work(account))

    async def _may_install(self) -> str:
        return await self._refused(_TO_INSTALL, "selfsubjectaccessreviews", "SelfSubjectAccessReview", {})

    async def _may_work(self, account: str) -> str:
        user = {"user": f"system:serviceaccount:{self._namespace}:{account}"}
        return await self._refused(_OF_CONTROL, "subjectaccessreviews", "SubjectAccessReview", user)

    async def _refused(self, rights: tuple[_Right, ...], resource: str, kind: str, who: dict[str, str]) -> str:
        """Which of these are refused, in words; empty: none. Raises: ApiError."""
        refused: list[str] = []
        for right in rights:
            attributes = {"group": right.group, "resource": right.resource, "verb": right.verb}
            if right.in_namespace:
                attributes["namespace"] = self._namespace
            question = {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": kind,
                "spec": {**who, "resourceAttributes": attributes},
            }
            answer = await self._client.request("POST", f"{_API}/{resource}", None, msgspec.json.encode(question))
            if not msgspec.json.decode(answer, type=_Review).status.allowed:
                refused.append(str(right))
        return f"refused: {', '.join(refused)}" if refused else ""
