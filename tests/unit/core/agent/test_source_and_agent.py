"""What a source hears from the agent of its configurations, and what the agent hears from a source that fails."""

import socket
import sys
from pathlib import Path
from typing import Final

import msgspec
import pytest
import trio
from mesh_world import snapshot_to

from hauberk_core.agent.agent import Agent, AgentFailed, serve_agent
from hauberk_core.agent.options import AgentOptions
from hauberk_core.agent.source import Source, SourceFailed
from hauberk_core.agent.state import Check
from hauberk_core.config import Loaded
from hauberk_core.model import Cluster, Snapshot, TransportConfig
from hauberk_core.model.errors import ConfigError, ConfigErrors
from hauberk_core.model.snapshot import AccessLog

SCRIPTED_WORKER: Final = Path(__file__).parent / "scripted_worker.py"
PATIENCE: Final = 60.0


class ScriptedSource(Source):
    """Gives what a test puts in, and keeps what it is told."""

    def __init__(self) -> None:
        self.folder = Path()
        self.certificates = {}
        self._send, self._receive = trio.open_memory_channel[Snapshot | ConfigErrors](10)
        self._hear, self.verdicts = trio.open_memory_channel[str](10)
        self.fails = trio.Event()

    def give(self, snapshot: Snapshot | ConfigErrors) -> None:
        self._send.send_nowait(snapshot)

    async def run(self) -> None:
        await self.fails.wait()
        raise SourceFailed("nobody knows this proxy; ask for a token")

    async def next(self) -> Loaded:
        given = await self._receive.receive()
        if isinstance(given, ConfigErrors):
            raise given
        return Loaded(given, [])

    async def accepted(self) -> None:
        await self._hear.send("accepted")

    async def refused(self, reason: str, passing: bool = False) -> None:
        await self._hear.send(f"{'refused for now' if passing else 'refused'}: {reason}")

    def checks(self) -> list[Check]:
        return [Check("script", True, "to be read on")]


class PatientSource(ScriptedSource):
    """Waits for a configuration that can be used."""

    patient = True


class SourceOfOthers(ScriptedSource):
    """Gives what others wrote, who do not know this machine's files."""

    by_others = True


def options(folder: Path, behaviour: str = "serve") -> AgentOptions:
    return AgentOptions(admin="", worker_command=(sys.executable, str(SCRIPTED_WORKER), str(folder), behaviour))


async def verdict(source: ScriptedSource) -> str:
    with trio.fail_after(PATIENCE):
        return await source.verdicts.receive()


async def test_every_configuration_gets_its_verdict(tmp_path: Path, nursery: trio.Nursery) -> None:
    source = ScriptedSource()
    source.give(snapshot_to(9000, "first"))
    agent: Agent = await nursery.start(serve_agent, source, options(tmp_path))
    assert await verdict(source) == "accepted"
    source.give(snapshot_to(9000, "refuse-0"))
    assert await verdict(source) == "refused: as it was told"
    source.give(ConfigErrors([ConfigError(message="it is wrong", hint="write it right")]))
    assert "it is wrong" in await verdict(source)
    source.give(snapshot_to(9000, "last"))
    assert await verdict(source) == "accepted"
    assert Check("script", True, "to be read on") in agent.state.checks()
    assert agent.state.ready()


async def test_the_first_configuration_of_an_impatient_source_must_do(tmp_path: Path) -> None:
    source = ScriptedSource()
    source.give(ConfigErrors([ConfigError(message="it is wrong", hint="write it right")]))
    with trio.fail_after(PATIENCE), pytest.raises(AgentFailed, match="it is wrong"):
        await Agent(source, options(tmp_path)).run()
    assert "it is wrong" in await verdict(source)


async def test_a_patient_source_gives_another(tmp_path: Path, nursery: trio.Nursery) -> None:
    source = PatientSource()
    source.give(ConfigErrors([ConfigError(message="it is wrong", hint="write it right")]))
    source.give(snapshot_to(9000, "second"))
    with trio.fail_after(PATIENCE):
        agent: Agent = await nursery.start(serve_agent, source, options(tmp_path))
    assert "it is wrong" in await verdict(source)
    assert await verdict(source) == "accepted"
    assert agent.state.refusals == {}
    assert agent.state.ready()


async def test_a_file_that_others_name_and_that_is_not_there_refuses_nothing_but_their_cluster(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    elsewhere = Cluster(transport=TransportConfig(security="tls", trust_file=str(tmp_path / "gone.pem")))
    snapshot = snapshot_to(9000, "told")
    snapshot = msgspec.structs.replace(snapshot, clusters={**snapshot.clusters, "elsewhere": elsewhere})
    own = ScriptedSource()
    own.give(snapshot)
    with trio.fail_after(PATIENCE), pytest.raises(AgentFailed, match=r"gone\.pem"):
        await Agent(own, options(tmp_path)).run()
    others = SourceOfOthers()
    others.give(snapshot)
    nursery.start_soon(Agent(others, options(tmp_path)).run)
    assert await verdict(others) == "accepted"


async def test_workers_that_do_not_start_with_it_are_a_refusal(tmp_path: Path) -> None:
    source = PatientSource()
    source.give(snapshot_to(9000, "refuse-0"))
    with trio.fail_after(PATIENCE), pytest.raises(AgentFailed, match="as it was told"):
        await Agent(source, options(tmp_path)).run()
    heard = await verdict(source)
    assert heard.startswith("refused: ")
    assert "as it was told" in heard


async def test_a_source_that_fails_ends_the_agent_with_its_reason(tmp_path: Path) -> None:
    source = ScriptedSource()
    source.give(snapshot_to(9000, "first"))
    source.fails.set()
    with trio.fail_after(PATIENCE), pytest.raises(AgentFailed, match="nobody knows this proxy"):
        await Agent(source, options(tmp_path)).run()


async def test_a_port_that_is_taken_is_a_reason_that_may_pass(tmp_path: Path, nursery: trio.Nursery) -> None:
    source = PatientSource()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        source.give(snapshot_to(9000, "first", address=address))
        nursery.start_soon(Agent(source, options(tmp_path)).run)
        assert (await verdict(source)).startswith("refused for now: ")
    source.give(snapshot_to(9000, "first", address=address))
    assert await verdict(source) == "accepted"


async def test_a_log_that_cannot_be_opened_is_a_reason_that_may_pass(tmp_path: Path, nursery: trio.Nursery) -> None:
    source = ScriptedSource()
    source.give(snapshot_to(9000, "first"))
    await nursery.start(serve_agent, source, options(tmp_path))
    assert await verdict(source) == "accepted"
    log = AccessLog(file=str(tmp_path / "missing" / "access.log"))
    source.give(msgspec.structs.replace(snapshot_to(9000, "second"), access_log=log))
    assert (await verdict(source)).startswith("refused for now: ")
