"""The types of every resource kind, and how they are read; no I/O.

One module a kind, one package an API; the objects themselves are re-exported here.
"""

from hauberk_core.resources.gateway_api.backend_tls_policy import BackendTLSPolicy
from hauberk_core.resources.gateway_api.gateway import Gateway
from hauberk_core.resources.gateway_api.gateway_class import GatewayClass
from hauberk_core.resources.gateway_api.grpc_route import GRPCRoute
from hauberk_core.resources.gateway_api.http_route import HTTPRoute
from hauberk_core.resources.gateway_api.listener_set import ListenerSet
from hauberk_core.resources.gateway_api.reference_grant import ReferenceGrant
from hauberk_core.resources.gateway_api.tcp_route import TCPRoute
from hauberk_core.resources.gateway_api.tls_route import TLSRoute
from hauberk_core.resources.gateway_api.udp_route import UDPRoute
from hauberk_core.resources.hauberk.plugin_policy import PluginPolicy
from hauberk_core.resources.istio.destination_rule import DestinationRule
from hauberk_core.resources.istio.peer_authentication import PeerAuthentication
from hauberk_core.resources.istio.sidecar import Sidecar
from hauberk_core.resources.istio.virtual_service import VirtualService
from hauberk_core.resources.istio.workload_entry import WorkloadEntry
from hauberk_core.resources.kubernetes.config_map import ConfigMap
from hauberk_core.resources.kubernetes.endpoint_slice import EndpointSlice
from hauberk_core.resources.kubernetes.namespace import Namespace
from hauberk_core.resources.kubernetes.node import Node
from hauberk_core.resources.kubernetes.pod import Pod
from hauberk_core.resources.kubernetes.secret import Secret
from hauberk_core.resources.kubernetes.service import Service
from hauberk_core.resources.kubernetes.service_account import ServiceAccount
from hauberk_core.resources.meta import ObjectMeta, Resource

__all__ = [
    "BackendTLSPolicy",
    "ConfigMap",
    "DestinationRule",
    "EndpointSlice",
    "GRPCRoute",
    "Gateway",
    "GatewayClass",
    "HTTPRoute",
    "ListenerSet",
    "Namespace",
    "Node",
    "ObjectMeta",
    "PeerAuthentication",
    "PluginPolicy",
    "Pod",
    "ReferenceGrant",
    "Resource",
    "Secret",
    "Service",
    "ServiceAccount",
    "Sidecar",
    "TCPRoute",
    "TLSRoute",
    "UDPRoute",
    "VirtualService",
    "WorkloadEntry",
]
