"""How the requests of a session are kept together, as HTTPRoute and GRPCRoute have it."""

from typing import Annotated, Literal

import msgspec

from hauberk_core.model.mistake import Mistake
from hauberk_core.model.syntax import changeable_header_name, cookie_name
from hauberk_core.resources.duration import GatewayDuration
from hauberk_core.resources.part import Part


class CookieConfig(Part, frozen=True, kw_only=True):
    """How long a session's cookie lives."""

    lifetime_type: Literal["Permanent", "Session"] = "Session"


class SessionPersistence(Part, frozen=True, kw_only=True):
    """Sends the requests of one session to one endpoint."""

    session_name: Annotated[str, msgspec.Meta(max_length=128)] | None = None
    absolute_timeout: GatewayDuration | None = None
    idle_timeout: GatewayDuration | None = None
    type: Literal["Cookie", "Header"] = "Cookie"
    cookie_config: CookieConfig | None = None

    def mistakes(self) -> list[Mistake]:
        found: list[Mistake] = []
        if self.session_name is not None:
            fault = cookie_name(self.session_name) if self.type == "Cookie" else changeable_header_name(self.session_name)
            if fault is not None:
                found.append(Mistake(("sessionName",), *fault))
        if self.cookie_config is not None:
            if self.type != "Cookie":
                message = "cookieConfig for a session that is carried in a header"
                found.append(Mistake(("cookieConfig",), message, "remove it, or write type: Cookie"))
            elif self.cookie_config.lifetime_type == "Permanent" and not (
                self.absolute_timeout and self.absolute_timeout.seconds >= 1
            ):
                message = "a Permanent cookie must say for how long"
                found.append(Mistake(("absoluteTimeout",), message, "add absoluteTimeout, at least 1s"))
        return found
