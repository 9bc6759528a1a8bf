"""Two proxies as sidecars are: a caller's and a server's, mutual TLS between them."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from live_proxy import live_proxy
from mesh_authority import MeshAuthority, workload

JsonObject = dict[str, Any]

CALLER: Final = "caller"
SERVER: Final = "server"


def _sidecar(folder: Path, name: str, peer: str, ports: Mapping[str, int], protocol: str, *, accepts: bool) -> JsonObject:
    """A proxy's configuration, with a listener for each port.

    Args: peer - whom it speaks with by mutual TLS; accepts - it is the one that is called.
    """
    mutual = {
        "security": "mesh",
        "identities": [workload(peer)],
        "certificates": ["workload"],
        "trust_file": str(folder / "trust.pem"),
    }
    listeners: JsonObject = {}
    tables: JsonObject = {}
    clusters: JsonObject = {}
    for service, port in ports.items():
        chain: JsonObject = {"route_table": service, "protocol": protocol}
        if protocol == "detect":
            chain["backends"] = [{"cluster": service}]
        clusters[service] = {"endpoints": [{"address": f"127.0.0.1:{port}"}]}
        (chain if accepts else clusters[service])["transport"] = mutual
        route = {"name": "all", "backends": [{"cluster": service}]}
        listeners[service] = {"address": "127.0.0.1:0", "filter_chains": [chain]}
        tables[service] = {"virtual_hosts": [{"name": "any", "hosts": ["*"], "routes": [route]}]}
    return {
        "listeners": listeners,
        "route_tables": tables,
        "clusters": clusters,
        "certificates": {
            "workload": {"chain_file": str(folder / f"{name}.pem"), "key_file": str(folder / f"{name}.key")},
        },
        "access_log": None,
    }


@contextlib.contextmanager
def sidecar_pair(ports: Mapping[str, int], protocol: Literal["http", "detect"] = "detect") -> Iterator[dict[str, int]]:
    """Both, for as long as the context lasts.

    Args: ports - of servers, by name; protocol - what is told of them. Yields: for each the port at the caller's sidecar.
    """
    authority = MeshAuthority()
    with tempfile.TemporaryDirectory(prefix="hauberk-test-") as kept:
        folder = Path(kept)
        (folder / "trust.pem").write_bytes(authority.trust_pem)
        for name in (CALLER, SERVER):
            issued = authority.issue(workload(name))
            (folder / f"{name}.pem").write_bytes(issued.chain)
            (folder / f"{name}.key").write_bytes(issued.key)
            (folder / f"{name}.key").chmod(0o600)
        with (
            live_proxy(_sidecar(folder, SERVER, CALLER, ports, protocol, accepts=True)) as server,
            live_proxy(_sidecar(folder, CALLER, SERVER, server.ports(), protocol, accepts=False)) as caller,
        ):
            yield caller.ports()
