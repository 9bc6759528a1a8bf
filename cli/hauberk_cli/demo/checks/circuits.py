"""Workloads that fail: the mesh leaves them alone for a while, says why, and comes back to them."""

import json
import math
import os
import signal
import sys
from functools import partial
from typing import Final, Literal

import msgspec
import trio

from hauberk_cli.demo.checks.load import load_on
from hauberk_cli.demo.checks.losses import judge, wait_empty
from hauberk_cli.demo.checks.outcome import Outcome, failures, milliseconds
from hauberk_cli.demo.descendants import is_running
from hauberk_cli.demo.reviews_route import replace_file, with_weights, without_versions
from hauberk_cli.demo.running import PORT, VERSIONS, DemoWorkload, RunningDemo
from hauberk_cli.demo.traffic import Load
from hauberk_cli.demo.waiting import wait_until
from hauberk_cli.mesh.admin_page import admin_page
from hauberk_cli.mesh.free_ports import LOOPBACK
from hauberk_core.model.circuit import Circuits, EndpointCircuit

CLIENTS: Final = 8
WITNESSES: Final = 80
"""Requests of a load that must finish before a check goes on."""
SLOW_SECONDS: Final = 3.0
"""What ratings takes; longer than its route lets it."""
SEEN_SECONDS: Final = 60.0
"""For a change to show, a circuit to open, an endpoint to be tried again."""
COMMAND_SECONDS: Final = 60.0
REASONS: Final = ("consecutiveGatewayErrors", "the first request after it had been left out failed")
"""Why ratings may be left out: on a busy machine they may have been tried again before the command looks."""


async def check_reviews_killed(demo: RunningDemo) -> Outcome:
    """A process of reviews that is killed costs its requests under way, is ejected by its caller, and used again once back."""
    title = "a killed reviews is ejected, and comes back"
    route = demo.folder.reviews_route
    text = route.read_text()
    victim = demo.workloads["reviews-v2"]
    load = load_on(demo, CLIENTS)
    ejected = returned = math.inf
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(load.run)
            replace_file(route, without_versions(text))
            shared = await wait_until(lambda: set(VERSIONS) == _latest_versions(load), SEEN_SECONDS)
            victim.program.hold()
            pid = victim.program.pid
            killed = trio.current_time()
            os.kill(pid, signal.SIGKILL)
            await wait_until(lambda: not is_running(pid), SEEN_SECONDS, pause=0.001)
            gone = trio.current_time()
            if await wait_empty(partial(_lacks_state, demo.workloads["productpage"], victim, "open")):
                ejected = trio.current_time() - killed
            await load.wait_samples(WITNESSES)
            released = trio.current_time()
            victim.program.release()
            if await wait_until(lambda: "v2" in _latest_versions(load, since=released), SEEN_SECONDS):
                returned = trio.current_time() - gone
            nursery.cancel_scope.cancel()
    finally:
        replace_file(route, text)
        victim.program.release()
    outcome = judge(title, load, killed, gone, returned)
    passed = outcome.passed and shared and not math.isinf(ejected)
    return Outcome(title, passed, f"ejected after {milliseconds(ejected)}; {outcome.figures}")


async def check_slow_ratings(demo: RunningDemo) -> Outcome:
    """Ratings that are too slow open their circuit, and the command says by which request; quick again, they close it."""
    title = "slow ratings open their circuit"
    route, delay = demo.folder.reviews_route, demo.folder.delay("ratings")
    text = route.read_text()
    caller, ratings = demo.workloads["reviews-v3"], demo.workloads["ratings"]
    load = load_on(demo, CLIENTS)
    opened = closed = math.inf
    why = ""
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(load.run)
            replace_file(route, with_weights(text, (0, 0, 100)))
            await wait_until(lambda: _latest_versions(load) == {"v3"}, SEEN_SECONDS)
            began = trio.current_time()
            delay.write_text(str(SLOW_SECONDS))
            if await wait_empty(partial(_lacks_state, caller, ratings, "open")):
                opened = trio.current_time() - began
                why = await _command_says(demo, caller, ratings)
            began = trio.current_time()
            delay.unlink()
            if await wait_empty(partial(_lacks_state, caller, ratings, "closed")):
                closed = trio.current_time() - began
            await load.wait_samples(WITNESSES)
            nursery.cancel_scope.cancel()
    finally:
        delay.unlink(missing_ok=True)
        replace_file(route, text)
    # Reviews does without its stars, so that no visitor gets an error.
    passed = any(reason in why for reason in REASONS) and not math.isinf(closed) and not load.failed()
    figures = (
        f"open after {milliseconds(opened)}, closed again after {milliseconds(closed)}; {failures(load)}; {why or 'no reason'}"
    )
    return Outcome(title, passed, figures)


def _latest_versions(load: Load, since: float = 0.0) -> set[str]:
    """The versions of reviews that gave the latest answers, to requests begun at or after `since`."""
    latest = [sample for sample in load.samples[-10 * CLIENTS :] if sample.began >= since]
    return {sample.reply.header("reviews-version") for sample in latest if sample.reply is not None} - {""}


async def _lacks_state(caller: DemoWorkload, called: DemoWorkload, state: Literal["open", "closed"]) -> str:
    """Empty once the caller's sidecar has this state for the endpoint that the called workload is."""
    page = await admin_page(caller.admin, "/circuits")
    if page.status != 200:
        return page.text
    found = _endpoint(msgspec.json.decode(page.text, type=Circuits), called)
    return "" if found is not None and found.state == state else f"it is {found.state if found else 'unknown'}"


def _endpoint(circuits: Circuits, called: DemoWorkload) -> EndpointCircuit | None:
    address = f"{LOOPBACK}:{called.member.ports.inbound[PORT][0]}"
    return next((one for one in circuits.endpoints if one.endpoint == address), None)


async def _command_says(demo: RunningDemo, caller: DemoWorkload, called: DemoWorkload) -> str:
    """Why `hauberk circuits` says that the circuit is open; empty if it does not."""
    command = [sys.executable, "-P", "-m", "hauberk_cli", "circuits", "--mesh", str(demo.folder.root), "-o", "json"]
    with trio.move_on_after(COMMAND_SECONDS):
        done = await trio.run_process(command, capture_stdout=True, capture_stderr=True, check=False)
        if done.returncode:
            return ""
        for proxy in json.loads(done.stdout)["proxies"]:
            if proxy["proxy"].rpartition("/")[2] == caller.member.name:
                circuits = msgspec.convert({name: proxy[name] for name in ("clusters", "endpoints")}, type=Circuits)
                found = _endpoint(circuits, called)
                return found.tripped.why if found is not None and found.tripped is not None else ""
    return ""
