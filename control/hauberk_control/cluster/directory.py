"""What a cluster knows of those who ask for a configuration: their pods and their Gateways."""

from collections.abc import Callable
from typing import Final

import msgspec

from hauberk_control.discovery.claims import UnknownProxy
from hauberk_control.gateways.names import deployed_name, label_value
from hauberk_control.store import Store
from hauberk_control.translate.node import Node
from hauberk_core.pod import GATEWAY_NAME_LABEL
from hauberk_core.resources import Gateway, Pod


class ClusterDirectory:
    """Answers from the store of the moment. From any thread."""

    def __init__(self, store: Callable[[], Store]) -> None:
        self._store: Final = store

    def gateway_accounts(self, namespace: str, name: str) -> frozenset[str]:
        """That of the Deployment made for it, and those of pods that somebody else runs for it."""
        store = self._store()
        gateway = store.get(Gateway, namespace, name)
        if gateway is None:
            return frozenset(())
        label = label_value(name)
        accounts = [
            pod.service_account()
            for pod in store.of(Pod)
            if pod.metadata.namespace == namespace and pod.metadata.labels.get(GATEWAY_NAME_LABEL) == label
        ]
        return frozenset((deployed_name(name, gateway.spec.gateway_class_name), *accounts))

    def workload_account(self, node: Node) -> str | None:
        """Whoever has a certificate here has it as a pod, and each pod is known."""
        pod = self._pod(node)
        if pod is None:
            raise UnknownProxy(f"there is no Pod {node.namespace}/{node.pod or node.name}, or it is not known here yet")
        return pod.service_account()

    def completed(self, node: Node) -> Node:
        """Labels choose policies, and addresses lead traffic, so that both are the pod's and not what its proxy says they are."""
        pod = self._pod(node)
        if pod is None:
            return node
        addresses = pod.addresses() or node.addresses
        return msgspec.structs.replace(node, pod=pod.metadata.name, labels=pod.metadata.labels, addresses=addresses)

    def _pod(self, node: Node) -> Pod | None:
        return self._store().get(Pod, node.namespace, node.pod or node.name)
