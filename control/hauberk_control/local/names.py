"""Names that come over the local socket become parts of identities and objects: they follow the same rules as in files."""

from hauberk_control.local.messages import JoinGateway, JoinWorkload, RegisterWorkload, Request, WorkloadReady
from hauberk_core.model.syntax import Fault
from hauberk_core.resources.names import dns_label, dns_subdomain, label_value, qualified_name


def name_fault(request: Request) -> str | None:
    """What is wrong with the first bad name of a request, and what to write instead; None if all are good."""
    if not isinstance(request, RegisterWorkload | WorkloadReady | JoinWorkload | JoinGateway):
        return None
    faults: list[tuple[str, Fault | None]] = [("namespace", dns_label(request.namespace)), ("name", dns_subdomain(request.name))]
    if isinstance(request, RegisterWorkload):
        faults.append(("service", dns_subdomain(request.service)))
        faults.append(("version", dns_label(request.version) if request.version else None))
        faults.append(("service account", dns_subdomain(request.service_account) if request.service_account else None))
        for key, value in request.labels.items():
            faults.append(("label", qualified_name(key) or label_value(value)))
    for what, fault in faults:
        if fault is not None:
            return f"{what}: {fault[0]}; {fault[1]}"
    return None
