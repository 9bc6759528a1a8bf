"""What a listener of UDP may say."""

from hauberk_core.model import Cluster, Datagrams, Duration, FilterChain, Listener, Snapshot, TransportConfig, WeightedCluster
from hauberk_core.model.check import check_snapshot

CLUSTERS = {
    "plain": Cluster(),
    "secure": Cluster(transport=TransportConfig(security="tls", trust_file="ca.pem")),
    "anywhere": Cluster(reach="original_destination"),
}


def told(listeners: dict[str, Listener]) -> list[str]:
    return [f"{error.path}: {error.message}" for error in check_snapshot(Snapshot(listeners=listeners, clusters=CLUSTERS))]


def to(*clusters: str) -> Datagrams:
    return Datagrams(backends=tuple([WeightedCluster(cluster=name) for name in clusters]))


def test_tcp_and_udp_may_have_one_number() -> None:
    tcp = Listener(address="127.0.0.1:53", filter_chains=(FilterChain(protocol="tcp"),))
    udp = Listener(address="127.0.0.1:53", datagrams=to("plain", ""))
    assert told({"tcp": tcp, "udp": udp}) == []
    [mistake] = told({"udp": udp, "again": udp})
    assert "'udp' already has the address" in mistake


def test_mistakes_are_told_with_their_places() -> None:
    wrong = Listener(
        address="127.0.0.1:53",
        filter_chains=(FilterChain(protocol="tcp"),),
        proxy_protocol_from=("10.0.0.0/8",),
        datagrams=Datagrams(backends=to("plain", "none", "secure", "anywhere").backends, idle_timeout=Duration(0.5)),
    )
    assert told({"dns": wrong}) == [
        "listeners.dns.filter_chains: 'filter_chains' is about connections, and datagrams have none",
        "listeners.dns.proxy_protocol_from: 'proxy_protocol_from' is about connections, and datagrams have none",
        "listeners.dns.datagrams.idle_timeout: too short a time to wait for an answer in",
        "listeners.dns.datagrams.backends[1].cluster: no cluster is called 'none'",
        "listeners.dns.datagrams.backends[2].cluster: the cluster 'secure' is reached by TLS, which datagrams are not put into",
        "listeners.dns.datagrams.backends[3].cluster: the cluster 'anywhere' has no endpoints of its own",
    ]
