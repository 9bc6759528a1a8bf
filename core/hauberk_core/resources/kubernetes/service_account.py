"""ServiceAccount."""

from typing import ClassVar

from hauberk_core.resources.meta import Resource
from hauberk_core.resources.part import IGNORED, Ignored


class ServiceAccount(Resource, frozen=True, kw_only=True):
    """Who a workload is: with its namespace it makes the workload's identity."""

    GROUP: ClassVar[str] = ""
    KIND: ClassVar[str] = "ServiceAccount"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)

    automount_service_account_token: Ignored = IGNORED
    image_pull_secrets: Ignored = IGNORED
    secrets: Ignored = IGNORED
