"""What an exchange asks of the side its request came from: a whole HTTP/1.1 connection, or one stream of a multiplexed one."""

from typing import TYPE_CHECKING

from mypy_extensions import mypyc_attr

from hauberk_core.http.events import Response
from hauberk_core.http.headers import Headers
from hauberk_core.model.decision import Decision
from hauberk_core.model.reason import Reason
from hauberk_core.observe.meters import ClusterMeters
from hauberk_core.observe.record import Record
from hauberk_core.plugin.reply import Reply

if TYPE_CHECKING:
    from hauberk_core.proxy.exchange import Exchange


@mypyc_attr(allow_interpreted_subclasses=True)
class Client:
    """Takes a response piece by piece, and is asked to hold or send more of the request."""

    def now(self) -> float:
        """The clock, read afresh."""
        raise NotImplementedError

    def pause_request(self) -> None:
        """The request's body comes faster than it goes: read no more for now."""
        raise NotImplementedError

    def resume_request(self) -> None:
        """Read on."""
        raise NotImplementedError

    def forward_interim(self, exchange: "Exchange", response: Response) -> None:
        """Pass a 1xx response on, at once."""
        raise NotImplementedError

    def forward_response(self, exchange: "Exchange", response: Response) -> None:
        """Queue the final response's head."""
        raise NotImplementedError

    def forward_data(self, exchange: "Exchange", data: bytes) -> None:
        """Queue octets of the response's body."""
        raise NotImplementedError

    def forward_end(self, exchange: "Exchange", trailers: Headers | None) -> None:
        """Queue the response's end and send everything on."""
        raise NotImplementedError

    def flush_response(self, exchange: "Exchange") -> bool:
        """Send on what is queued. Returns whether the client is congested: `client_write_ready` follows."""
        raise NotImplementedError

    def switch_fault(self, exchange: "Exchange", response: Response) -> str:
        """What is wrong with the answer to a request for an upgrade, or with a 101; empty: nothing."""
        raise NotImplementedError

    def become_tunnel(self, exchange: "Exchange") -> None:
        """The answer that begins a tunnel is queued: from now on octets pass as they are."""
        raise NotImplementedError

    def response_overtook(self, exchange: "Exchange") -> None:
        """The response is complete, the request is not, and nobody wants its rest."""
        raise NotImplementedError

    def serve(self, exchange: "Exchange", decision: Decision) -> None:
        """The request has passed its filters: do with it what was decided."""
        raise NotImplementedError

    def answer_reply(self, exchange: "Exchange", reply: Reply, plugin: str) -> None:
        """Answer in the endpoint's place as a plugin says."""
        raise NotImplementedError

    def give_up(self, exchange: "Exchange", error: Exception) -> None:
        """Going on with the exchange, on nobody's behalf, raised `error`: a fault of our own. End it."""
        raise NotImplementedError

    def answer_error(self, exchange: "Exchange", reason: Reason, detail: str) -> None:
        """Answer in the endpoint's place."""
        raise NotImplementedError

    def cut_response(self, exchange: "Exchange") -> None:
        """The response cannot be completed: make sure the client notices."""
        raise NotImplementedError

    def exchange_over(self, exchange: "Exchange") -> None:
        """Both sides are complete and the record is written."""
        raise NotImplementedError

    def report(self, record: Record, meters: ClusterMeters | None) -> None:
        """Count and log a finished exchange."""
        raise NotImplementedError
