"""Whether clocks agree: certificates that are not good yet, or not any more, are refused."""

import datetime as dt
from typing import Final

from hauberk_cli.check.api import ObjectApi
from hauberk_cli.check.checks import Check
from hauberk_cli.check.told import named

_LEASES: Final = "kube-node-lease"
# A node renews its lease every ten seconds, and counts as gone after forty.
_MOST_SECONDS: Final = 60.0


def clock_check(objects: ObjectApi, now: dt.datetime) -> Check:
    """Whether this machine's clock and the nodes' agree, by the leases that they renew all the time."""

    async def find_fault() -> str:
        leases = await objects.list("coordination.k8s.io/v1", "Lease", "")
        renewed = {
            one["metadata"]["name"]: dt.datetime.fromisoformat(one["spec"]["renewTime"])
            for one in leases
            if one["metadata"].get("namespace") == _LEASES
        }
        apart = [name for name, moment in renewed.items() if abs(moment - now).total_seconds() > _MOST_SECONDS]
        return named([{"metadata": {"name": name}} for name in apart], f"more than {_MOST_SECONDS:.0f} s apart")

    hint = "synchronise them (NTP), and see whether the nodes live"
    return Check("clocks of the nodes agree with this one", hint, find_fault, warns=True)
