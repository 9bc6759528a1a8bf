"""The filter that asks another service whether a request may pass."""

from typing import Annotated, Literal

import msgspec

from hauberk_core.model.mistake import Mistake
from hauberk_core.model.syntax import header_name, path
from hauberk_core.resources.gateway_api.references import BackendObjectReference
from hauberk_core.resources.part import Part, follows

_Headers = Annotated[tuple[Annotated[str, follows(header_name)], ...], msgspec.Meta(max_length=64)]


class HttpAuthConfig(Part, frozen=True, kw_only=True):
    """What the service is asked over HTTP, and which headers of its answer reach the backend."""

    path: Annotated[str, follows(path)] | None = None
    allowed_headers: _Headers = ()
    allowed_response_headers: _Headers = ()


class GrpcAuthConfig(Part, frozen=True, kw_only=True):
    """What the service is asked over gRPC, in Envoy's protocol."""

    allowed_headers: _Headers = ()


class ForwardBody(Part, frozen=True, kw_only=True):
    """How much of the request's body the service sees."""

    max_size: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    """Octets; 0: none."""


class HttpExternalAuthFilter(Part, frozen=True, kw_only=True):
    """Who is asked, and how; `protocol` tells which of `http` and `grpc` is given."""

    protocol: Literal["HTTP", "GRPC"]
    backend_ref: BackendObjectReference
    http: HttpAuthConfig | None = None
    grpc: GrpcAuthConfig | None = None
    forward_body: ForwardBody | None = None

    def mistakes(self) -> list[Mistake]:
        found: list[Mistake] = []
        for name, given in (("http", self.http), ("grpc", self.grpc)):
            if (given is not None) != (self.protocol == name.upper()):
                wrong = f"{name} beside the protocol {self.protocol}" if given else f"the protocol {self.protocol} without {name}"
                found.append(Mistake(("protocol",), wrong, f"write the protocol whose field is given, or add {name}"))
        return found
