"""Bounds of a proxy: the road of a request, and of octets."""

from hauberk_control.translate.proxy_protocol import MOST_RANGES
from hauberk_core.agent.limits import CONNECTION_OCTETS, LOOP_DELAY, MEMORY_PART
from hauberk_core.http.chunks import EXTENSIONS_LIMIT, LINE_LIMIT
from hauberk_core.http.h1_client import INTERIM_LIMIT
from hauberk_core.http.h2.allowance import Allowance
from hauberk_core.http.h2.client import CONCURRENT_STREAMS as TO_ENDPOINTS
from hauberk_core.http.h2.connection import CONTINUATIONS
from hauberk_core.http.h2.control import STREAM_WINDOW
from hauberk_core.http.h2.floods import Floods
from hauberk_core.http.h2.hpack_decoder import TABLE_SIZE
from hauberk_core.http.h2.server import CONCURRENT_STREAMS, CONNECTION_WINDOW
from hauberk_core.http.request_head import METHOD_LIMIT
from hauberk_core.http.sniff import SNIFF_BYTES
from hauberk_core.model.check_routes import MOST_MIRRORS
from hauberk_core.model.cluster import LARGEST_HASH_RING, LARGEST_HASH_TABLE, MOST_PRIORITIES, Cluster, RetryBudget
from hauberk_core.model.datagrams import Datagrams
from hauberk_core.model.listener import FilterChain, HttpLimits, HttpTimeouts
from hauberk_core.model.retry import MOST_RETRIES
from hauberk_core.net.client_hello import LARGEST_HELLO
from hauberk_core.net.connection import HIGH_MARK
from hauberk_core.net.datagrams import LARGEST_DATAGRAM
from hauberk_core.proxy.downstream import LINGER_BYTES, LINGER_SECONDS, PIPELINE_BYTES
from hauberk_core.proxy.exchange import REPLAY_BYTES
from hauberk_core.proxy.mirror import STALL_SECONDS, WAITING_OCTETS
from hauberk_core.proxy.retrying import LONGEST_BACKOFF
from hauberk_core.proxy.tcp import SNIFF_SECONDS
from hauberk_core.route.query import MOST_PARAMETERS
from hauberk_core.upstream.call import MOST_GOODBYES
from hauberk_core.upstream.destinations import MOST_DESTINATIONS
from hauberk_core.upstream.endpoint_choice import MOST_REFUSALS
from hauberk_docs.bound import Bound, duration, octets


def requests() -> list[Bound]:
    """What a client may send, and how long it may take."""
    limits, times = HttpLimits(), HttpTimeouts()
    return [
        Bound("a request line", octets(limits.request_line_bytes), "`request_line_bytes`", "414"),
        Bound(
            "the head of a message, first line and fields",
            octets(limits.head_bytes),
            "`head_bytes`",
            "431; of a response 502",
        ),
        Bound("fields of one message", str(limits.header_count), "`header_count`", "431; of a response 502"),
        Bound("a method", f"{METHOD_LIMIT} characters", "", "501"),
        Bound("a body", octets(limits.body_bytes) if limits.body_bytes else "none", "`body_bytes`; the plugin `limits`", "413"),
        Bound("size and extensions of one chunk", octets(LINE_LIMIT), "", "400"),
        Bound("extensions of all chunks of a body", octets(EXTENSIONS_LIMIT), "", "400"),
        Bound("requests behind the one that is served (pipelining)", octets(PIPELINE_BYTES), "", "reading stops"),
        Bound("parameters of a query that routes look at", str(MOST_PARAMETERS), "", "the rest is not seen"),
        Bound("time for a request's head", duration(times.head.seconds), "`timeouts.head`", "408"),
        Bound("time between two requests", duration(times.idle.seconds), "`timeouts.idle`", "the connection ends"),
        Bound(
            "time in which nothing of a body or answer moves",
            duration(times.stall.seconds),
            "`timeouts.stall`",
            "408, or a reset",
        ),
        Bound("time for a TLS handshake", duration(times.handshake.seconds), "`timeouts.handshake`", "the connection ends"),
        Bound(
            "time for what is in flight when a proxy or listener ends",
            duration(times.drain.seconds),
            "`timeouts.drain`",
            "a reset",
        ),
        Bound(
            "what a client still sends after its last answer",
            f"{octets(LINGER_BYTES)}, {duration(LINGER_SECONDS)}",
            "",
            "a reset",
        ),
    ]


def http2() -> list[Bound]:
    """What peers of HTTP/2 may have under way."""
    return [
        Bound("requests under way on a client's connection", str(CONCURRENT_STREAMS), "", "`REFUSED_STREAM`"),
        Bound("octets of one stream that wait", octets(STREAM_WINDOW), "", "flow control holds the sender up"),
        Bound("octets of a client's requests that wait, all streams", octets(CONNECTION_WINDOW), "", "the same"),
        Bound("frames of one header block", str(CONTINUATIONS), "", "`ENHANCE_YOUR_CALM`"),
        Bound("HPACK's table", octets(TABLE_SIZE), "", "`COMPRESSION_ERROR`"),
    ]


def floods() -> list[tuple[str, Allowance]]:
    """What they may do for nothing."""
    floods = Floods()
    return [
        ("`SETTINGS`", floods.settings),
        ("`PING`", floods.pings),
        ("frames that carry nothing", floods.empty),
        ("`PRIORITY`", floods.priorities),
        ("`WINDOW_UPDATE`", floods.windows),
        ("requests that are reset before they are answered", floods.resets),
        ("streams that the proxy resets for the peer's faults", floods.their_faults),
        ("frames for nobody: of unknown types, for streams that are over", floods.strays),
    ]


def load() -> list[Bound]:
    """What a proxy takes on."""
    room = f"half of the memory that is left, {octets(CONNECTION_OCTETS)} each"
    return [
        Bound("connections of clients, each worker", room, "`HAUBERK_CONNECTION_LIMIT`", "503 `overloaded`, or closed"),
        Bound("requests over HTTP/2, each worker", "as many", "`HAUBERK_STREAM_LIMIT`", "503 `overloaded`"),
        Bound("memory of the proxy", f"{MEMORY_PART:.0%} of its container's", "`HAUBERK_MEMORY_LIMIT`", "503 `overloaded`"),
        Bound(
            "time until a request is looked at",
            duration(LOOP_DELAY),
            "`HAUBERK_DELAY_LIMIT`",
            "a part is answered 503 `overloaded`",
        ),
        Bound("octets that a peer does not take, each connection", octets(HIGH_MARK), "", "the other side is read no further"),
    ]


def endpoints() -> list[Bound]:
    """What it does to have an answer."""
    cluster, budget = Cluster(), RetryBudget()
    retried = f"{budget.percent:g} % of the requests, and always {budget.least}"
    return [
        Bound("time to connect", duration(cluster.connect_timeout.seconds), "`connectTimeout`", "another endpoint, then 503"),
        Bound("time that an unused connection is kept", duration(cluster.idle_timeout.seconds), "`idleTimeout`", "it ends"),
        Bound("connections to a cluster", str(cluster.max_connections), "`maxConnections`", "requests wait"),
        Bound("requests that wait for a connection", str(cluster.max_pending), "`http1MaxPendingRequests`", "503 `overflow`"),
        Bound("requests on one connection of HTTP/2", str(TO_ENDPOINTS), "`maxConcurrentStreams`", "another connection"),
        Bound("further attempts of one request", str(MOST_RETRIES), "`retry`, `retries`", "the last answer stands"),
        Bound("further attempts under way, each worker", retried, "`retryBudget`", "the answer stands"),
        Bound("pause before an attempt", duration(LONGEST_BACKOFF), "`backoff`", ""),
        Bound("octets of a body that are kept for another attempt", octets(REPLAY_BYTES), "", "no further attempt"),
        Bound("goodbyes (`GOAWAY`) that one request lives through", str(MOST_GOODBYES), "", "503 `upstream_refused`"),
        Bound("endpoints that guards refuse one request", str(MOST_REFUSALS), "", "503, with the guard's reason"),
        Bound("interim responses (1xx) to one request", str(INTERIM_LIMIT), "", "502"),
        Bound("copies of one request", str(MOST_MIRRORS), "", "refused"),
        Bound(
            "octets that wait for a copy's endpoint, and time",
            f"{octets(WAITING_OCTETS)}, {duration(STALL_SECONDS)}",
            "",
            "it is dropped",
        ),
        Bound("levels of priority", str(MOST_PRIORITIES), "", "refused"),
        Bound(
            "a hash ring, a Maglev table",
            f"{LARGEST_HASH_RING}, {LARGEST_HASH_TABLE}",
            "`consistentHash`",
            "a smaller one, and a warning",
        ),
        Bound(
            "addresses that a captured workload calls by number",
            str(MOST_DESTINATIONS),
            "",
            "unused ones are forgotten first; then a reset",
        ),
    ]


def connections() -> list[Bound]:
    """What is not HTTP."""
    sessions = Datagrams()
    return [
        Bound(
            "a connection on which nothing moves",
            duration(FilterChain().tcp_idle_timeout.seconds),
            "`tcp_idle_timeout`",
            "it ends",
        ),
        Bound("time to say what it speaks, where nothing is declared", duration(SNIFF_SECONDS), "", "judged by its first word"),
        Bound("a first line that may be a request's", octets(SNIFF_BYTES), "", "the same"),
        Bound("TLS' first message", octets(LARGEST_HELLO), "", "a reset"),
        Bound("ranges of addresses whose PROXY protocol is taken", str(MOST_RANGES), "", "the rest is left out, and told"),
        Bound(
            "sessions of UDP, each worker",
            str(sessions.max_sessions),
            "`max_sessions`",
            "see [how sessions end](../how-to/carry-other-protocols.md#pass-datagrams-on)",
        ),
        Bound(
            "a session on which nothing moves",
            duration(sessions.idle_timeout.seconds),
            "`hauberk.dev/udp-idle-timeout`",
            "it is over",
        ),
        Bound("a datagram", octets(LARGEST_DATAGRAM), "", ""),
    ]
