"""The gateway's configuration in the demo, and changing it on disk."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from hauberk_cli.demo.ports import LOOPBACK
from hauberk_core.model.cluster import Cluster, Endpoint
from hauberk_core.model.codec import encode_snapshot
from hauberk_core.model.duration import Duration
from hauberk_core.model.listener import FilterChain, HttpTimeouts, Listener
from hauberk_core.model.route import HeaderModifier, Match, PathMatch, Route, RouteTable, VirtualHost, WeightedCluster
from hauberk_core.model.snapshot import AccessLog, Snapshot
from hauberk_core.model.transport import Certificate, TransportConfig

SHOP_HOST: Final = "bookshop.localhost"
REVIEWS_HOST: Final = "reviews.localhost"
VERSIONS: Final = ("v1", "v2", "v3")
WEIGHTS: Final = (90, 5, 5)
MARK_HEADER: Final = "config-version"
"""A response header that says by which version of the configuration a request to reviews was routed."""


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """What varies in the demo's configuration.

    `ports` are those of the bookshop's processes (`details`, `ratings`, `productpage`, `reviews-v1`, ...); `weights` are the
    shares of reviews v1, v2 and v3; `version` is shown to people, and to clients of reviews in MARK_HEADER.
    """

    http_port: int
    tls_port: int
    ports: dict[str, int]
    weights: tuple[int, int, int] = WEIGHTS
    version: str = "1"

    def with_change(self, weights: tuple[int, int, int], version: str) -> "GatewayConfig":
        """The same gateway with other weights and another version."""
        return replace(self, weights=weights, version=version)

    def snapshot(self) -> Snapshot:
        """The configuration as the proxy's model has it. File names in it are relative to its own folder."""
        timeouts = HttpTimeouts(drain=Duration(3.0))
        tls = TransportConfig(security="tls", certificates=("bookshop",))
        return Snapshot(
            version=self.version,
            listeners={
                "http": Listener(
                    address=f"{LOOPBACK}:{self.http_port}", filter_chains=(FilterChain(route_table="shop", timeouts=timeouts),)
                ),
                "https": Listener(
                    address=f"{LOOPBACK}:{self.tls_port}",
                    filter_chains=(FilterChain(route_table="shop", transport=tls, timeouts=timeouts),),
                ),
            },
            route_tables={"shop": RouteTable(virtual_hosts=(self._shop(), self._reviews()))},
            clusters={name: Cluster(endpoints=(Endpoint(address=f"{LOOPBACK}:{port}"),)) for name, port in self.ports.items()},
            certificates={"bookshop": Certificate(chain_file="bookshop.pem", key_file="bookshop.key")},
            access_log=AccessLog(file="access.log"),
        )

    def _shop(self) -> VirtualHost:
        return VirtualHost(
            name="bookshop",
            hosts=(SHOP_HOST, "localhost", LOOPBACK),
            routes=(
                _prefix_route("details", "/details"),
                _prefix_route("ratings", "/ratings"),
                _prefix_route("productpage", "/"),
            ),
        )

    def _reviews(self) -> VirtualHost:
        backends = tuple(
            WeightedCluster(cluster=f"reviews-{version}", weight=weight)
            for version, weight in zip(VERSIONS, self.weights, strict=True)
        )
        mark = HeaderModifier(set=((MARK_HEADER, self.version),))
        return VirtualHost(
            name="reviews",
            hosts=(REVIEWS_HOST,),
            routes=(Route(name="reviews", backends=backends, response_headers=mark),),
        )


def _prefix_route(cluster: str, prefix: str) -> Route:
    match = Match(path=PathMatch(value=prefix))
    return Route(name=cluster, matches=(match,), backends=(WeightedCluster(cluster=cluster),))


def write_config(path: Path, config: GatewayConfig) -> None:
    """Write `config` to `path` in lines that a person can change, in one step: a reader sees the old file or the new one."""
    replace_file(path, encode_snapshot(config.snapshot()))


def replace_file(path: Path, text: bytes) -> None:
    """Replace the file at `path` by `text` in one step."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(text)
    fresh.replace(path)
