"""Active health checks of real endpoints, shown to people, and kept when workers die."""

import json
import os
import signal
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from live_proxy import PATIENCE, forward_to, live_proxy, wait_until
from origin import origin
from programs import free_port

pytestmark = pytest.mark.e2e

SERVING = b"\x08\x01"
NOT_SERVING = b"\x08\x02"
# A machine that stops for seconds makes no sound endpoint unhealthy: its check would have to be late three times in a row.
OFTEN = {"interval": "1s", "timeout": "1s", "unhealthy_threshold": 3}


class HealthServer:
    """grpc.health.v1, as far as one service is asked about."""

    def __init__(self) -> None:
        self.answer = SERVING
        self.asked: list[bytes] = []

    def check(self, request: bytes, _context: object) -> bytes:
        """The answer, a HealthCheckResponse."""
        self.asked.append(request)
        return self.answer


def page(admin: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}{path}", timeout=PATIENCE) as response:
        text: str = response.read().decode()
        return text


def states(admin: int) -> dict[int, dict[str, Any]]:
    """What is known, by the endpoint's port."""
    return {int(check["endpoint"].rpartition(":")[2]): check for check in json.loads(page(admin, "/circuits"))["checks"]}


def checked(config: dict[str, Any]) -> dict[str, Any]:
    return {"plugins": [{"plugin": "healthcheck", "phase": "admission", "config": config}]}


def test_http_is_checked_by_one_worker_at_a_time_and_remembered_by_the_next() -> None:
    admin = free_port()
    config = {"http": {"path": "/bytes?n=1"}, **OFTEN}
    dead = free_port()
    with origin("good") as good:
        snapshot = forward_to(good.port, dead, cluster=checked(config))
        with live_proxy(snapshot, 2, ("--admin", f"127.0.0.1:{admin}")) as proxy:
            wait_until(
                lambda: {one["state"] for one in states(admin).values()} == {"healthy", "unhealthy"},
                lambda: page(admin, "/circuits"),
            )
            told = states(admin)[dead]
            assert "connecting failed" in told["fault"]
            assert told["check"] == "HTTP GET /bytes?n=1"
            for _ in range(10):
                with urllib.request.urlopen(f"http://127.0.0.1:{proxy.port}/", timeout=PATIENCE) as response:
                    assert response.read() == b"good"
            metrics = page(admin, "/stats/prometheus")
            assert 'hauberk_cluster_health_check_unhealthy{cluster_name="backend"} 1' in metrics
            assert 'envoy_cluster_health_check_healthy{cluster_name="backend"} 1' in metrics
            before = set(proxy.workers())
            for worker in before:
                os.kill(worker, signal.SIGKILL)
            proxy.wait_until(lambda: len(set(proxy.workers()) - before) == 2)
            wait_until(
                lambda: states(admin).get(dead, {"checks": 0})["checks"] > told["checks"] + 1, lambda: page(admin, "/circuits")
            )
            after = states(admin)[dead]
            assert (after["state"], after["changes"]) == ("unhealthy", 1)
            assert "is unhealthy: HTTP GET /bytes?n=1: connecting failed" in proxy.log()


def test_grpc_servers_are_asked_by_their_own_protocol() -> None:
    admin = free_port()
    health = HealthServer()
    checks = {"Check": grpc.unary_unary_rpc_method_handler(health.check)}
    server = grpc.server(ThreadPoolExecutor(2), handlers=(grpc.method_handlers_generic_handler("grpc.health.v1.Health", checks),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        config = {"grpc": {"service": "shop.Books"}, **OFTEN, "healthy_threshold": 1}
        with live_proxy(forward_to(port, cluster=checked(config)), 1, ("--admin", f"127.0.0.1:{admin}")):
            wait_until(lambda: states(admin).get(port, {}).get("state") == "healthy", lambda: page(admin, "/circuits"))
            assert health.asked[0] == b"\x0a\x0ashop.Books"
            health.answer = NOT_SERVING
            wait_until(lambda: states(admin)[port]["state"] == "unhealthy", lambda: page(admin, "/circuits"))
            assert states(admin)[port]["fault"] == "it says that it is NOT_SERVING"
            health.answer = SERVING
            wait_until(lambda: states(admin)[port]["state"] == "healthy", lambda: page(admin, "/circuits"))
    finally:
        server.stop(None).wait(PATIENCE)
