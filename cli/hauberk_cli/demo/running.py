"""The whole demo, running: the bookshop's processes, the gateway before them, and how to reach it."""

import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import trio

from hauberk_bookshop.calling import CallError, Service
from hauberk_cli.demo import show
from hauberk_cli.demo.certificate import write_certificates
from hauberk_cli.demo.folder import DemoFolder
from hauberk_cli.demo.gateway_config import REVIEWS_HOST, SHOP_HOST, GatewayConfig, write_config
from hauberk_cli.demo.ports import LOOPBACK, is_free
from hauberk_cli.demo.processes import Part, PartError, Parts, open_minder
from hauberk_cli.demo.waiting import POLL_SECONDS

START_SECONDS: Final = 20.0
"""For one process to answer; it takes half a second, or several on a machine that is busy."""


@dataclass(frozen=True, slots=True)
class GatewayPlan:
    """Where the gateway is to listen, and with how many workers."""

    http_port: int
    tls_port: int
    admin_port: int
    workers: int


@dataclass(frozen=True, slots=True)
class RunningDemo:
    """A demo whose parts all answer."""

    folder: DemoFolder
    plan: GatewayPlan
    config: GatewayConfig
    gateway: Part
    parts: Parts
    trust: ssl.SSLContext

    def service(self, host: str, *, tls: bool = False, retry: bool = True) -> Service:
        """A client of `host` through the gateway."""
        if tls:
            return Service(LOOPBACK, self.plan.tls_port, f"{host}:{self.plan.tls_port}", self.trust, retry=retry)
        return Service(LOOPBACK, self.plan.http_port, f"{host}:{self.plan.http_port}", retry=retry)

    def addresses(self) -> list[int]:
        """Every port that somebody of the demo listens on."""
        return [self.plan.http_port, self.plan.tls_port, self.plan.admin_port, *self.config.ports.values()]


@asynccontextmanager
async def running_demo(folder: DemoFolder, plan: GatewayPlan, keep: bool) -> AsyncIterator[RunningDemo]:
    """Start everything, telling of each part when it answers, and end everything afterwards, however it ends.

    Raises: PartError, in an exception group, if a part does not start or dies later; OSError if none can be started.
    """
    with open_minder(folder.root, keep) as minder:
        async with trio.open_nursery() as nursery:
            parts = Parts(nursery, minder)
            try:
                yield await _start_all(parts, folder, plan)
            finally:
                await parts.end_all()


async def _start_all(parts: Parts, folder: DemoFolder, plan: GatewayPlan) -> RunningDemo:
    starter = _Starter(parts, folder)
    reviews_port = {"REVIEWS_SERVICE_PORT": str(plan.http_port), "REVIEWS_HOSTNAME": REVIEWS_HOST}
    await starter.start_services({"details": {}, "ratings": {}})
    ratings = {"RATINGS_SERVICE_PORT": str(starter.ports["ratings"])}
    details = {"DETAILS_SERVICE_PORT": str(starter.ports["details"])}
    await starter.start_services(
        {
            "reviews-v1": {"SERVICE_VERSION": "v1", **ratings},
            "reviews-v2": {"SERVICE_VERSION": "v2", **ratings},
            "reviews-v3": {"SERVICE_VERSION": "v3", **ratings},
            "productpage": {**details, **reviews_port},
        }
    )
    config = GatewayConfig(plan.http_port, plan.tls_port, starter.ports)
    write_certificates(folder)
    write_config(folder.config, config)
    for port in (plan.http_port, plan.tls_port, plan.admin_port):
        # Proxies share ports with their successors, so the gateway would not notice that somebody else has come to listen there.
        if not is_free(port):
            raise PartError(f"port {port} was free a moment ago and is taken now; start the demo again, or name another port")
    began = trio.current_time()
    gateway = await parts.start("gateway", _gateway_arguments(folder, plan), os.environ, folder.log("gateway"), folder.root)
    demo = RunningDemo(folder, plan, config, gateway, parts, ssl.create_default_context(cafile=folder.authority))
    await _wait_answer(gateway, demo.service(SHOP_HOST), began)
    await _wait_answer(gateway, demo.service(SHOP_HOST, tls=True), began)
    show.progress("gateway", f"http :{plan.http_port}, https :{plan.tls_port}", trio.current_time() - began)
    return demo


def _gateway_arguments(folder: DemoFolder, plan: GatewayPlan) -> list[str]:
    admin = f"{LOOPBACK}:{plan.admin_port}"
    return ["-m", "hauberk_cli", "proxy", "--config", str(folder.config), "--workers", str(plan.workers), "--admin", admin]


class _Starter:
    """Starts processes of the bookshop, several side by side, and collects the ports that they chose."""

    def __init__(self, parts: Parts, folder: DemoFolder) -> None:
        self._parts = parts
        self._folder = folder
        self.ports: Final[dict[str, int]] = {}

    async def start_services(self, services: dict[str, dict[str, str]]) -> None:
        """Start each, given by its name and its own environment; done when all of them answer."""
        async with trio.open_nursery() as nursery:
            for name, environment in services.items():
                nursery.start_soon(self._start_service, name, environment)

    async def _start_service(self, name: str, environment: dict[str, str]) -> None:
        began = trio.current_time()
        own = {"INSTANCE_NAME": name, **_inherited_environment(), **environment}
        arguments = ["-m", "hauberk_bookshop", name.partition("-")[0], "--host", LOOPBACK]
        part = await self._parts.start(name, arguments, own, self._folder.log(name), self._folder.root)
        port = await part.wait_port(START_SECONDS)
        await _wait_answer(part, Service(LOOPBACK, port), began)
        self.ports[name] = port
        show.progress(name, f"http://{LOOPBACK}:{port}", trio.current_time() - began)


def _inherited_environment() -> dict[str, str]:
    """Ours, without what would steer the bookshop: a demo is the same in every shell."""
    steering = ("DETAILS_", "RATINGS_", "REVIEWS_", "SERVICE_", "INSTANCE_", "FAULT_")
    return {name: value for name, value in os.environ.items() if not name.startswith(steering)}


async def _wait_answer(part: Part, service: Service, began: float) -> None:
    """Wait until `service` answers on `/health`.

    Raises: PartError if it does not within START_SECONDS after `began`.
    """
    problem = ""
    while trio.current_time() < began + START_SECONDS:
        try:
            reply = await service.get("/health", seconds=1.0)
        except CallError as error:
            problem = str(error)
        else:
            if reply.status == 200:
                await service.aclose()
                return
            problem = f"status {reply.status}"
        await trio.sleep(POLL_SECONDS)
    raise part.failure(f"did not answer within {START_SECONDS:g} s ({problem})")
