"""The objects that are measured with."""

from typing import Final

from bench.cluster.cluster import Manifest

GATEWAY_API: Final = "gateway.networking.k8s.io/v1"
HOST: Final = "changed.bench.example"
_OTHERS: Final = "other.bench.example"


def collection(namespace: str, plural: str) -> str:
    """Where Gateway API's objects of a namespace are."""
    return f"/apis/{GATEWAY_API}/namespaces/{namespace}/{plural}"


def gateway(name: str, gateway_class: str) -> Manifest:
    """A Gateway with one plain listener."""
    return {
        "apiVersion": GATEWAY_API,
        "kind": "Gateway",
        "metadata": {"name": name},
        "spec": {"gatewayClassName": gateway_class, "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
    }


def redirecting_route(name: str, parent: str, mark: str) -> Manifest:
    """A route that the gateway answers by itself, with a Location that contains `mark`: no backend has a part in the figures."""
    return {
        "apiVersion": GATEWAY_API,
        "kind": "HTTPRoute",
        "metadata": {"name": name},
        "spec": {"parentRefs": [{"name": parent}], "hostnames": [HOST], "rules": redirecting_rules(mark)},
    }


def redirecting_rules(mark: str) -> list[Manifest]:
    """Its rules."""
    return [{"filters": [{"type": "RequestRedirect", "requestRedirect": {"hostname": f"{mark}.example"}}]}]


def other_route(number: int, parent: str, service: str) -> Manifest:
    """One of many others on the same gateway, each with a path of its own."""
    return {
        "apiVersion": GATEWAY_API,
        "kind": "HTTPRoute",
        "metadata": {"name": f"other-{number:05d}"},
        "spec": {
            "parentRefs": [{"name": parent}],
            "hostnames": [_OTHERS],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": f"/{number}"}}],
                    "backendRefs": [{"name": service, "port": 80}],
                }
            ],
        },
    }


def service(name: str) -> Manifest:
    """A Service that selects nothing."""
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}}


def workload(name: str, image: str) -> Manifest:
    """A pod that serves, into which a sidecar is injected where its namespace asks for that."""
    container = {
        "name": "details",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["details", "--host", "0.0.0.0", "--port", "9080"],
        "ports": [{"containerPort": 9080}],
        "securityContext": {"runAsUser": 1000},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }
