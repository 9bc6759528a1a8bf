"""How a Gateway checks its clients' certificates on a port."""

from typing import Final, NamedTuple

from hauberk_control.translate.authorities import Bundles
from hauberk_control.translate.trouble import Trouble
from hauberk_core.resources import Gateway
from hauberk_core.resources.gateway_api.gateway import FrontendValidation

_REASONS: Final = {"kind": "InvalidCACertificateKind", "grant": "RefNotPermitted", "bundle": "InvalidCACertificateRef"}


class Validation(NamedTuple):
    """What comes of it."""

    authorities: str = ""
    """PEM of those whose clients are let in; empty: everybody is, and nobody is asked."""
    is_lenient: bool = False
    """Whether clients are asked, and let in whatever they show."""
    troubles: tuple[Trouble, ...] = ()


def frontend_validation(gateway: Gateway, port: int, bundles: Bundles) -> Validation:
    """What clients of a port must show. Where it says so and nobody can tell what, the port's listeners do not serve."""
    told = validation_of(gateway, port)
    if told is None:
        return Validation()
    found = bundles.read(gateway, told.ca_certificate_refs)
    troubles = [Trouble("ResolvedRefs", _REASONS[one.fault], one.message, one.hint) for one in found.troubles]
    if not found.pem:
        message = "no authority is known whose clients could be let in"
        troubles.append(Trouble("Accepted", "NoValidCACertificate", message, "mend spec.tls.frontend's caCertificateRefs"))
    return Validation(found.pem, told.mode == "AllowInsecureFallback", tuple(troubles))


def validation_of(gateway: Gateway, port: int) -> FrontendValidation | None:
    """What the Gateway says of a port's clients."""
    frontend = gateway.spec.tls.frontend if gateway.spec.tls else None
    if frontend is None:
        return None
    return next((one.tls for one in frontend.per_port if one.port == port), frontend.default).validation


def is_insecure(gateway: Gateway) -> bool:
    """Whether the Gateway lets clients in that prove nothing although it asks them to."""
    frontend = gateway.spec.tls.frontend if gateway.spec.tls else None
    if frontend is None:
        return False
    several = [frontend.default, *[one.tls for one in frontend.per_port]]
    return any(one.validation is not None and one.validation.mode == "AllowInsecureFallback" for one in several)
