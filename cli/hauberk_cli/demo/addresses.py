"""Where the parts of a running demo are: for people to read, and for their shells."""

from shlex import quote
from typing import Final

from hauberk_cli.demo.running import PORT, RunningDemo
from hauberk_cli.mesh.free_ports import LOOPBACK

_HEADING: Final = "# Where the demo's parts are while it runs. In a shell: . ./addresses.sh"


def addresses(demo: RunningDemo, traces: str) -> dict[str, str]:
    """By the names of shell variables: `details` is the address at which the mesh knows that workload, which is its sidecar's.

    Args: traces - where the latest traces are shown; empty: nowhere.
    """
    found = {
        "shop": f"http://{LOOPBACK}:{demo.plan.http_port}",
        "shop_tls": f"https://localhost:{demo.plan.tls_port}",
        "gateway_admin": demo.gateway.admin,
    }
    if traces:
        found["traces"] = traces
    for name, workload in sorted(demo.workloads.items()):
        variable = name.replace("-", "_")
        found[variable] = f"{LOOPBACK}:{workload.member.ports.inbound[PORT][0]}"
        found[f"{variable}_admin"] = workload.admin
    return found


def write_addresses(demo: RunningDemo, traces: str) -> None:
    """Write them into the demo's folder. Raises: OSError."""
    lines = [_HEADING, *(f"{name}={quote(value)}" for name, value in addresses(demo, traces).items())]
    demo.folder.addresses.write_text("\n".join(lines) + "\n")
