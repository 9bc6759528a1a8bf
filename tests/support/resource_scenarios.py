"""Scenarios for control: stores from YAML texts, proxies, and what a snapshot does with a request."""

import base64

from hauberk_control.store import Object, Place, Store, gather, key_of
from hauberk_control.translate.node import Node
from hauberk_core.http.events import Request
from hauberk_core.http.headers import Headers
from hauberk_core.model import Decision, Snapshot
from hauberk_core.resources.read import read_file
from hauberk_core.route.decide import decide
from hauberk_core.route.table import compile_table

FILE = "mesh.yaml"


def store_of(*texts: str) -> Store:
    """A store of all objects in some texts, which are right as far as reading them can tell."""
    read = [read_file(text.encode(), FILE) for text in texts]
    assert [str(error) for one in read for error in one.errors] == []
    objects = [
        Object(key_of(found.value), found.value, Place(FILE, found.line, found.column), found.written)
        for one in read
        for found in one.objects
    ]
    gathered = gather(objects)
    assert gathered.errors == ()
    return gathered.store


def service(name: str, *ports: int, namespace: str = "default", app: str = "") -> str:
    """A service of the workloads labelled `app: NAME`."""
    listed = "".join([f"\n  - {{name: http-{port}, port: {port}}}" for port in ports or (9080,)])
    return f"""
---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  selector: {{app: {app or name}}}
  ports:{listed}
"""


def workload(
    name: str,
    port: int,
    namespace: str = "default",
    app: str = "",
    version: str = "v1",
    account: str = "",
    port_name: str = "http-9080",
    address: str = "127.0.0.1",
) -> str:
    """A workload; with a service account it is of the mesh."""
    of = f"serviceAccount: {account}" if account else ""
    return f"""
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  address: {address}
  ports: {{{port_name}: {port}}}
  labels: {{app: {app or name}, version: {version}}}
  {of}
"""


def secret(name: str, chain: bytes, key: bytes, namespace: str = "default", type_: str = "kubernetes.io/tls") -> str:
    """A Secret with a certificate and its key."""

    def entry(pem: bytes) -> str:
        return base64.b64encode(pem).decode()

    return f"""
---
apiVersion: v1
kind: Secret
metadata: {{name: {name}, namespace: {namespace}}}
type: {type_}
data: {{tls.crt: "{entry(chain)}", tls.key: "{entry(key)}"}}
"""


def config_map(name: str, ca: str, namespace: str = "default") -> str:
    """A ConfigMap with a bundle of authorities."""
    lines = "".join([f"\n    {line}" for line in ca.splitlines()])
    return f"""
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: {name}, namespace: {namespace}}}
data:
  ca.crt: |{lines}
"""


def gateway_node(name: str = "default/web", ports: dict[int, int] | None = None) -> Node:
    """A gateway's proxy."""
    namespace, _, short = name.partition("/")
    identity = f"spiffe://cluster.local/ns/{namespace}/sa/{short}-hauberk"
    return Node(
        identity=identity,
        role="gateway",
        name=name,
        namespace=namespace,
        ports=ports if ports is not None else {80: 8080, 443: 8443},
    )


def sidecar_node(
    name: str = "productpage-v1",
    namespace: str = "default",
    labels: dict[str, str] | None = None,
    inbound: dict[int, tuple[int, int]] | None = None,
    outbound: dict[str, int] | None = None,
    http_proxy_port: int = 0,
) -> Node:
    """A workload's proxy."""
    return Node(
        identity=f"spiffe://cluster.local/ns/{namespace}/sa/{name}",
        role="sidecar",
        name=name,
        namespace=namespace,
        labels=labels if labels is not None else {"app": "productpage", "version": "v1"},
        inbound=inbound or {},
        outbound=outbound or {},
        http_proxy_port=http_proxy_port,
    )


def ask(
    snapshot: Snapshot,
    table: str,
    path: str = "/",
    host: str = "shop.test",
    headers: tuple[tuple[str, str], ...] = (),
    dice: float = 0.0,
    method: str = "GET",
) -> Decision:
    """What a table of a snapshot decides about a request."""
    fields = Headers()
    fields.add("Host", host)
    for name, value in headers:
        fields.add(name, value)
    target, _, query = path.partition("?")
    request = Request(method, host, target, f"?{query}" if query else "", 11, fields)
    return decide(request, compile_table(snapshot.route_tables[table]), dice)
