"""The public face for a plugin's data half: what it does to traffic, inside the workers.

A data half is a module named by an entry point of the group `hauberk.data`; the entry point's name is the plugin's. It says which
version of this face it was written for, and implements any of the hooks below:

    HAUBERK_API = "1"

    @hookimpl
    def hauberk_request_filter(config, services): ...

Hooks build, objects run: each hook is called when a configuration is put together, and what it returns serves the traffic. An
implementation may leave out arguments that it does not need. What it raises refuses the configuration, with the message as the
reason; the configuration before serves on.
"""

from typing import Final

import pluggy

from hauberk_core.http.events import Request, Response
from hauberk_core.model.decision import Decision
from hauberk_core.model.reason import Reason
from hauberk_core.model.transport import TransportConfig
from hauberk_core.net.transport import Security, Stream
from hauberk_core.observe.record import Record
from hauberk_core.observe.shared_cells import SharedRecord
from hauberk_core.plugin.exchange import Exchange
from hauberk_core.plugin.fields import Fields
from hauberk_core.plugin.filters import AsyncFilter, Backend, Observer, Picker, SyncFilter
from hauberk_core.plugin.identity import Identity
from hauberk_core.plugin.installed import DATA
from hauberk_core.plugin.reply import Reply
from hauberk_core.plugin.services import Counter, Histogram, HttpAnswer, HttpClient, HttpFailed, PluginLog, Services
from hauberk_core.plugin.wish import LEAVE_BODY, Pause, Whole, Wish
from hauberk_core.upstream.endpoint import UpstreamEndpoint as Endpoint
from hauberk_core.upstream.guard import Description, Guard, Outcome, Permit, Refusal, Subject
from hauberk_core.upstream.probing import Alarm, ProbeListener, Prober, Question, Waker

API: Final = "1"
"""The version of this face. It grows with every change that a plugin written for the version before would not survive."""
GROUP: Final = DATA
"""The entry-point group of data halves."""

hookspec: Final = pluggy.HookspecMarker("hauberk.data")
hookimpl: Final = pluggy.HookimplMarker("hauberk.data")


class DataHooks:
    """The hooks of a data half. Where there is no plugin to ask, none is called: they cost nothing on the road of a request."""

    @hookspec
    def hauberk_transport(self, config: TransportConfig, identity: Identity, services: Services) -> Security | None:
        """How connections are secured whose transport says `"security": "mesh"`.

        Asked for each filter chain or cluster with another configuration or identity; what did not change is kept. None: not
        this plugin's.
        Fails closed: without an answer the configuration is refused.
        """

    @hookspec
    def hauberk_request_filter(
        self, config: dict[str, object], services: Services, place: str
    ) -> SyncFilter | AsyncFilter | None:
        """A filter for the requests of a filter chain (asked before routing) or of a route (after it).

        Args: config - what the configuration gives this plugin at this place; place - `listener/NAME` or `route/NAME`, the same
            in each worker and configuration.
        Fails as declared there: `"failure": "open"` goes on as if there were no filter, `"closed"` answers 503.
        """

    @hookspec
    def hauberk_backend_picker(self, config: dict[str, object], services: Services) -> Picker | None:
        """What chooses among the weighted backends of a route, or of all routes of a filter chain.

        Fails to the stable backend: the one with the largest share.
        """

    @hookspec
    def hauberk_upstream_guard(self, config: dict[str, object], cluster: str, services: Services) -> Guard | None:
        """What admits attempts at the endpoints of a cluster, which is called `cluster`.

        Fails open: the attempt is admitted.
        """

    @hookspec
    def hauberk_observer(self, config: dict[str, object], services: Services) -> Observer | None:
        """What hears of the finished exchanges of a filter chain.

        Fails isolated: a fault is logged once, then the observer is dropped; the exchange does not notice.
        """


__all__ = [
    "API",
    "GROUP",
    "LEAVE_BODY",
    "Alarm",
    "AsyncFilter",
    "Backend",
    "Counter",
    "DataHooks",
    "Decision",
    "Description",
    "Endpoint",
    "Exchange",
    "Fields",
    "Guard",
    "Histogram",
    "HttpAnswer",
    "HttpClient",
    "HttpFailed",
    "Identity",
    "Observer",
    "Outcome",
    "Pause",
    "Permit",
    "Picker",
    "PluginLog",
    "ProbeListener",
    "Prober",
    "Question",
    "Reason",
    "Record",
    "Refusal",
    "Reply",
    "Request",
    "Response",
    "Security",
    "Services",
    "SharedRecord",
    "Stream",
    "Subject",
    "SyncFilter",
    "TransportConfig",
    "Waker",
    "Whole",
    "Wish",
    "hookimpl",
    "hookspec",
]
