"""The bookshop's services in a mesh of their own: the folder of YAML, and the workloads."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from laptop_mesh import Mesh, running_mesh, wait_until

_GATEWAY: Final = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}}}
spec:
  gatewayClassName: hauberk
  listeners:
  - {{name: http, port: 80, protocol: HTTP}}
"""
_ROUTE: Final = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  parentRefs: [{parents}]
  rules:
  - matches: [{{path: {{type: PathPrefix, value: {prefix}}}}}]
    filters:
    - type: URLRewrite
      urlRewrite: {{path: {{type: ReplacePrefixMatch, replacePrefixMatch: /{service}}}}}
    - type: ResponseHeaderModifier
      responseHeaderModifier: {{set: [{{name: {header}, value: "{mark}"}}]}}
    backendRefs: [{{name: {service}, port: 9080}}]
"""
_SERVICE: Final = """\
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec:
  selector: {{app: {name}}}
  ports: [{{port: 9080}}]
"""
_POLICY: Final = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: default, namespace: istio-system}}
spec: {{mtls: {{mode: {mode}}}}}
"""
MARK: Final = "mark"
"""A response header by which answers tell which form of a route they came by."""


def gateway(name: str = "bookshop") -> str:
    """A Gateway with one port."""
    return _GATEWAY.format(name=name)


def route(service: str, prefix: str = "", mark: str = "first", gateways: tuple[str, ...] = ("bookshop",)) -> str:
    """A route of gateways to a service: `prefix`, else the service's name, is what requests begin with. Answers bear `mark`."""
    parents = ", ".join([f"{{name: {name}}}" for name in gateways])
    prefix = prefix or f"/{service}"
    return _ROUTE.format(name=service, parents=parents, prefix=prefix, service=service, header=MARK, mark=mark)


def route_between(service: str, mark: str) -> str:
    """A route for what workloads send to a service."""
    parent = f'{{group: "", kind: Service, name: {service}}}'
    prefix = f"/{service}"
    return _ROUTE.format(name=f"to-{service}", parents=parent, prefix=prefix, service=service, header=MARK, mark=mark)


def service(name: str) -> str:
    """A Service on port 9080."""
    return _SERVICE.format(name=name)


def policy(mode: str) -> str:
    """What all workloads ask of their callers."""
    return _POLICY.format(mode=mode)


def documents(*texts: str) -> str:
    """Several objects as one file."""
    return "---\n".join(texts)


def bookshop(service_name: str) -> str:
    """One Gateway that sends everything to one service, STRICT, as one file."""
    everything = f"""\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {service_name}}}
spec:
  parentRefs: [{{name: bookshop}}]
  rules: [{{backendRefs: [{{name: {service_name}, port: 9080}}]}}]
"""
    return documents(gateway(), everything, service(service_name), policy("STRICT"))


def write_bookshop(folder: Path) -> None:
    """The folder: one Gateway, routes to reviews and to ratings, STRICT."""
    folder.mkdir()
    (folder / "gateway.yaml").write_text(gateway())
    (folder / "policy.yaml").write_text(policy("STRICT"))
    for name in ("reviews", "ratings"):
        (folder / f"{name}.yaml").write_text(service(name))
        (folder / f"{name}-route.yaml").write_text(route(name))


@contextlib.contextmanager
def bookshop_mesh(folder: Path, *options: str, gateways: int = 1, variables: dict[str, str] | None = None) -> Iterator[Mesh]:
    """The mesh of `folder` with ratings and versions v2 and v3 of reviews, until the end of the block.

    A request for /reviews/0 passes the gateway, the sidecar of one of the reviews, and that of ratings.
    """
    with contextlib.ExitStack() as stack:
        mesh = stack.enter_context(running_mesh(folder, *options, gateways=gateways, variables=variables))
        stack.enter_context(mesh.workload("ratings"))
        for version in ("v2", "v3"):
            stack.enter_context(mesh.workload("reviews", version=version))
        for version in ("v2", "v3"):
            wait_until(lambda: is_answered_by(mesh, version), f"an answer of reviews {version} and ratings")  # noqa: B023 - called at once
        yield mesh


def is_answered_by(mesh: Mesh, version: str) -> bool:
    """Whether a request for reviews is answered by this version, with the stars of ratings."""
    answer = mesh.get("/reviews/0").body
    return f'"version":"{version}"' in answer and '"ratings_instance":"ratings' in answer
