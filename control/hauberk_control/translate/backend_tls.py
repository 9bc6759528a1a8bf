"""BackendTLSPolicies: which ports of services are reached inside TLS, and what endpoints must prove (Gateway API, GEP-1897)."""

from typing import Final, NamedTuple

from hauberk_control.store import ObjectKey, Store, key_of
from hauberk_control.translate.authorities import Bundles, NoBundle
from hauberk_control.translate.precedence import seniority
from hauberk_core.model.transport import TransportConfig
from hauberk_core.resources import BackendTLSPolicy, Service
from hauberk_core.resources.gateway_api.backend_tls_policy import PolicyTarget
from hauberk_core.resources.kubernetes.service import ServicePort

_SYSTEM: Final = "System"


class PolicyState(NamedTuple):
    """A policy as it stands."""

    policy: BackendTLSPolicy
    transport: TransportConfig | None
    """How its targets are reached; None: it cannot be told, and they must not be reached at all."""
    troubles: tuple[NoBundle, ...]
    """With its references."""
    conflicts: tuple[str, ...]
    """Targets that an older policy has, with that policy's name."""
    unsupported: str = ""
    """What of it is not known here."""


class BackendTlsPolicies:
    """Those of one store. Of two for one target the older counts; one that names a port goes before one for the whole service."""

    def __init__(self, store: Store, bundles: Bundles) -> None:
        self._winners: Final[dict[tuple[str, str, str | None], PolicyState]] = {}
        self.states: Final[dict[ObjectKey, PolicyState]] = {}
        for policy in sorted(store.of(BackendTLSPolicy), key=lambda one: seniority(one.metadata)):
            state = _state(policy, bundles)
            conflicts: list[str] = []
            for target in policy.spec.target_refs:
                if not is_service(target):
                    continue
                winner = self._winners.setdefault((policy.metadata.namespace, target.name, target.section_name), state)
                if winner is not state:
                    conflicts.append(f"{target.name} is the target of the older policy {winner.policy.metadata.name}")
            self.states[key_of(policy)] = state._replace(conflicts=tuple(conflicts))

    def find(self, service: Service, port: ServicePort) -> PolicyState | None:
        """The policy that counts for a port."""
        if not self._winners:
            return None
        place = (service.metadata.namespace, service.metadata.name)
        of_port = self._winners.get((*place, port.name)) if port.name is not None else None
        return of_port or self._winners.get((*place, None))


def is_service(target: PolicyTarget) -> bool:
    """Whether a policy's target is one that it can have an effect on."""
    return (target.group, target.kind) == (Service.GROUP, Service.KIND)


def _state(policy: BackendTLSPolicy, bundles: Bundles) -> PolicyState:
    told = policy.spec.validation
    names = tuple([name for one in told.subject_alt_names if (name := one.hostname or one.uri)])
    transport = TransportConfig(security="tls", server_name=told.hostname, subject_alt_names=names)
    if told.well_known_ca_certificates is not None:
        if told.well_known_ca_certificates != _SYSTEM:
            message = f"no well-known authorities are called {told.well_known_ca_certificates!r} here; write {_SYSTEM}"
            return PolicyState(policy, None, (), (), message)
        return PolicyState(policy, transport, (), ())
    found = bundles.read(policy, told.ca_certificate_refs)
    if not found.pem:
        return PolicyState(policy, None, found.troubles, ())
    transport = TransportConfig(security="tls", server_name=told.hostname, subject_alt_names=names, trust_pem=found.pem)
    return PolicyState(policy, transport, found.troubles, ())
