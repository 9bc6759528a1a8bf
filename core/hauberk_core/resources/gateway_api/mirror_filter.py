"""The filter that copies requests to another backend, as HTTPRoute and GRPCRoute have it."""

from hauberk_core.model.mistake import Mistake
from hauberk_core.resources.gateway_api.references import BackendObjectReference, Fraction
from hauberk_core.resources.part import Part, Percent


class HttpRequestMirrorFilter(Part, frozen=True, kw_only=True):
    """Sends a copy of requests to another backend; neither given: of all of them."""

    backend_ref: BackendObjectReference
    percent: Percent | None = None
    fraction: Fraction | None = None

    def mistakes(self) -> list[Mistake]:
        if self.percent is not None and self.fraction is not None:
            return [Mistake(("fraction",), "both percent and fraction", "remove one of the two")]
        return []

    def share(self) -> float:
        """The part of the requests that is copied."""
        if self.fraction is not None:
            return self.fraction.numerator / self.fraction.denominator
        return 1.0 if self.percent is None else self.percent / 100
