"""The source that asks control, against a real control that comes and goes."""

import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import msgspec
import pytest
import trio
from mesh_world import Control, Meant, MeshWorld, node_document, open_control, snapshot_to

from hauberk_control.discovery.status import ProxyStatus
from hauberk_core.agent.discovery import source as source_module
from hauberk_core.agent.discovery.last_good import FILE_NAME
from hauberk_core.agent.discovery.source import WORKLOAD, DiscoverySettings, DiscoverySource
from hauberk_core.agent.grpc_bridge import AsyncioThread
from hauberk_core.agent.identity.keep import IdentityFailed
from hauberk_core.agent.identity.workload import WorkloadIdentity
from hauberk_core.agent.logs import LOG
from hauberk_core.agent.source import Source, SourceFailed
from hauberk_core.agent.wire import CertificatePem
from hauberk_core.config import Loaded
from hauberk_core.model.cluster import Cluster
from hauberk_core.model.errors import ConfigErrors

PATIENCE: Final = 60.0
NODE: Final = json.dumps(node_document("reviews-v1")).encode()


class Identity:
    """An identity that a test renews."""

    def __init__(self, world: MeshWorld) -> None:
        self._world: Final = world
        self.current = world.identity("reviews")
        self._changed = trio.Event()

    def renew(self) -> None:
        self.current = self._world.identity("reviews")
        self._changed.set()

    async def keep(self, thread: AsyncioThread, changed: Callable[[WorkloadIdentity], None]) -> None:
        while True:
            changed(self.current)
            await self._changed.wait()
            self._changed = trio.Event()


@pytest.fixture
def world(tmp_path: Path) -> MeshWorld:
    """A mesh in which reviews-v1 is meant to have something."""
    made = MeshWorld(tmp_path / "ca")
    made.publish(reviews_v1=Meant(snapshot_to(9001)))
    return made


@pytest.fixture
def identity(world: MeshWorld) -> Identity:
    """Of reviews."""
    return Identity(world)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    """What was logged."""
    monkeypatch.setattr(LOG, "propagate", True)
    # Other people's logging configurations switch off every logger that they do not know.
    monkeypatch.setattr(LOG, "disabled", False)
    caplog.set_level(logging.INFO, LOG.name)
    return caplog


class Proxy:
    """Source and disk of one proxy."""

    def __init__(self, identity: Identity, folder: Path) -> None:
        self._identity: Final = identity
        self.folder: Final = folder

    @contextlib.asynccontextmanager
    async def source(self, address: str, plugins: dict[str, str] | None = None) -> AsyncIterator[DiscoverySource]:
        settings = DiscoverySettings(address, self._identity.current.spiffe_id, NODE, self.folder, plugins)
        source = DiscoverySource(settings, self._identity.keep)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(source.run)
            yield source
            nursery.cancel_scope.cancel()

    async def wait_saved(self, text: bytes) -> None:
        """Wait until the disk holds a configuration with this in it."""
        path = self.folder / FILE_NAME
        await until(lambda: path.is_file() and text in path.read_bytes())


@pytest.fixture
def proxy(identity: Identity, tmp_path: Path) -> Proxy:
    """The proxy of reviews-v1."""
    return Proxy(identity, tmp_path / "state")


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what has no event."""
    with trio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110 - files and threads of others send none
            await trio.sleep(0.01)


async def following(source: Source) -> Loaded:
    """The next configuration, not yet in force."""
    with trio.fail_after(PATIENCE):
        return await source.next()


async def take(source: Source) -> str:
    """Bring the next configuration into force, and tell its version."""
    loaded = await following(source)
    await source.accepted()
    return loaded.snapshot.version


async def expect_nothing(source: Source, seconds: float = 0.3) -> None:
    with trio.move_on_after(seconds):
        loaded = await source.next()
        pytest.fail(f"{loaded.snapshot.version} came")


def only(control: Control) -> ProxyStatus | None:
    """The one proxy that is connected."""
    statuses = control.service.proxies()
    return statuses[0] if statuses else None


def is_current(control: Control, version: str) -> bool:
    status = only(control)
    return status is not None and status.current and status.version == version


async def test_a_configuration_comes_with_the_identity(world: MeshWorld, identity: Identity, proxy: Proxy) -> None:
    async with open_control(world) as control, proxy.source(control.address) as source:
        loaded = await following(source)
        assert loaded.snapshot.version == "to 9001"
        assert loaded.snapshot.clusters == snapshot_to(9001).clusters
        assert set(loaded.snapshot.certificates) == {WORKLOAD}
        current = identity.current
        assert source.certificates == {WORKLOAD: CertificatePem(current.certificate_pem, current.key_pem)}
        assert source.trust == {WORKLOAD: current.trust_pem}
        assert not control.service.proxies()[0].current  # nobody said that it serves
        await source.accepted()
        await until(lambda: is_current(control, "to 9001"))


async def test_a_change_comes_and_is_acknowledged(world: MeshWorld, proxy: Proxy) -> None:
    async with open_control(world) as control, proxy.source(control.address) as source:
        await take(source)
        world.publish(reviews_v1=Meant(snapshot_to(9002)))
        assert await take(source) == "to 9002"
        await until(lambda: is_current(control, "to 9002"))
        assert source.checks()[0].passed
        assert "connected" in source.checks()[0].detail
        assert "'to 9002'" in source.checks()[0].detail


async def test_a_service_without_endpoints_is_no_news_to_a_proxy(world: MeshWorld, proxy: Proxy) -> None:
    snapshot = snapshot_to(9002)
    empty = msgspec.structs.replace(snapshot, clusters={**snapshot.clusters, "empty": Cluster()})
    async with open_control(world) as control, proxy.source(control.address) as source:
        await take(source)
        world.publish(reviews_v1=Meant(empty))
        loaded = await following(source)
        assert "empty" in loaded.snapshot.clusters
        assert loaded.warnings == []


async def test_a_refusal_reaches_control_and_the_next_configuration_is_a_whole_one(world: MeshWorld, proxy: Proxy) -> None:
    async with open_control(world) as control, proxy.source(control.address) as source:
        await take(source)
        world.publish(reviews_v1=Meant(snapshot_to(9002)))
        await following(source)
        await source.refused("the port is taken")
        await until(lambda: (status := only(control)) is not None and status.refused_reason == "the port is taken")
        assert "'to 9002' was refused: the port is taken" in source.checks()[0].detail
        world.publish(reviews_v1=Meant(snapshot_to(9003)))
        loaded = await following(source)
        assert loaded.snapshot.clusters == snapshot_to(9003).clusters
        assert set(loaded.snapshot.listeners) == {"web"}
        await source.accepted()
        await until(lambda: is_current(control, "to 9003"))
        assert "refused" not in source.checks()[0].detail


async def test_a_configuration_that_is_wrong_is_refused_by_its_mistake(world: MeshWorld, proxy: Proxy) -> None:
    async with open_control(world) as control, proxy.source(control.address) as source:
        await take(source)
        wrong = msgspec.structs.replace(snapshot_to(9002), clusters={})
        world.publish(reviews_v1=Meant(wrong))
        with pytest.raises(ConfigErrors, match="no cluster is called 'books'") as caught:
            await following(source)
        await source.refused(str(caught.value))
        await until(lambda: (status := only(control)) is not None and "no cluster is called 'books'" in status.refused_reason)
        world.publish(reviews_v1=Meant(snapshot_to(9003)))
        assert await take(source) == "to 9003"


async def test_secrets_come_and_go(world: MeshWorld, proxy: Proxy) -> None:
    from hauberk_core.model import FilterChain, Listener
    from hauberk_core.model.transport import Certificate, TransportConfig

    chain = FilterChain(route_table="all", transport=TransportConfig(security="tls", certificates=("shop",)))
    secure = msgspec.structs.replace(
        snapshot_to(9002),
        listeners={"tls": Listener(address="127.0.0.1:0", filter_chains=(chain,))},
        certificates={"shop": Certificate(chain_file="x", key_file="x")},
    )
    first, second = world.pem("shop"), world.pem("shop")
    async with open_control(world) as control, proxy.source(control.address) as source:
        await take(source)
        world.publish(reviews_v1=Meant(secure, {"shop": first}))
        await take(source)
        assert source.certificates["shop"] == first
        world.publish(reviews_v1=Meant(msgspec.structs.replace(secure, version="rotated"), {"shop": second}))
        assert await take(source) == "rotated"
        assert source.certificates["shop"] == second
        world.publish(reviews_v1=Meant(snapshot_to(9002)))
        await take(source)
        assert set(source.certificates) == {WORKLOAD}


async def test_a_renewed_identity_comes_with_the_same_configuration(world: MeshWorld, identity: Identity, proxy: Proxy) -> None:
    async with open_control(world) as control, proxy.source(control.address) as source:
        first = await following(source)
        await source.accepted()
        before = source.certificates[WORKLOAD]
        identity.renew()
        renewed = await following(source)
        await source.accepted()
        assert renewed.snapshot is first.snapshot  # nothing is decoded, checked or complained of again
        assert source.certificates[WORKLOAD] != before
        assert source.certificates[WORKLOAD].chain == identity.current.certificate_pem
        # The stream comes back under the new certificate.
        world.publish(reviews_v1=Meant(snapshot_to(9002)))
        assert await take(source) == "to 9002"
        await until(lambda: is_current(control, "to 9002") and len(control.service.proxies()) == 1)


async def _keep_control(
    world: MeshWorld, port: int, task_status: trio.TaskStatus[tuple[Control, trio.CancelScope]] = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.CancelScope() as scope:
        async with open_control(world, port) as control:
            task_status.started((control, scope))
            await trio.sleep_forever()


async def test_control_is_killed_and_comes_back(
    world: MeshWorld, proxy: Proxy, log: pytest.LogCaptureFixture, nursery: trio.Nursery
) -> None:
    control, killed = await nursery.start(_keep_control, world, 0)
    async with proxy.source(control.address) as source:
        await take(source)
        await until(lambda: is_current(control, "to 9001"))
        killed.cancel()
        await until(lambda: "cannot be reached" in source.checks()[0].detail)
        await expect_nothing(source)
        assert source.checks()[0].passed  # it serves on
        assert "serving on with configuration 'to 9001'" in log.text

        control, killed = await nursery.start(_keep_control, world, int(control.address.rpartition(":")[2]))
        await until(lambda: is_current(control, "to 9001"))
        await expect_nothing(source)
        world.publish(reviews_v1=Meant(snapshot_to(9002)))
        assert await take(source) == "to 9002"
        await until(lambda: is_current(control, "to 9002"))
        killed.cancel()
    assert log.text.count("asking again") <= 2  # it does not fill the log


async def test_a_verdict_that_comes_after_control_is_gone_is_told_to_the_next_one(
    world: MeshWorld, proxy: Proxy, nursery: trio.Nursery
) -> None:
    control, killed = await nursery.start(_keep_control, world, 0)
    async with proxy.source(control.address) as source:
        await take(source)
        world.publish(reviews_v1=Meant(snapshot_to(9002)))
        await following(source)
        killed.cancel()
        await until(lambda: "away" in source.checks()[0].detail)
        # Control takes the change back while the proxy is trying it.
        world.publish(reviews_v1=Meant(snapshot_to(9001)))
        control, killed = await nursery.start(_keep_control, world, int(control.address.rpartition(":")[2]))
        await source.accepted()
        assert await take(source) == "to 9001"
        await until(lambda: is_current(control, "to 9001"))
        killed.cancel()


async def test_a_proxy_that_starts_again_serves_from_disk_while_control_is_away(
    world: MeshWorld, proxy: Proxy, log: pytest.LogCaptureFixture
) -> None:
    async with open_control(world) as control:
        address = control.address
        async with proxy.source(address) as source:
            await take(source)
            await proxy.wait_saved(b"to 9001")
            await until(lambda: is_current(control, "to 9001"))
            before = only(control)
    async with proxy.source(address) as source:
        loaded = await following(source)
        assert loaded.snapshot.clusters == snapshot_to(9001).clusters
        assert source.certificates[WORKLOAD].chain
        await source.accepted()
        await until(lambda: "cannot be reached" in source.checks()[0].detail)
        assert "away" in source.checks()[0].detail
        assert "'to 9001'" in source.checks()[0].detail
        assert "starting with configuration 'to 9001' from disk" in log.text
        async with open_control(world, int(address.rpartition(":")[2])) as control:
            await until(lambda: is_current(control, "to 9001"))
            after = only(control)
            assert before is not None
            assert after is not None
            assert abs(after.in_force_since - before.in_force_since) < after.connected_since - before.connected_since
            await expect_nothing(source)


async def test_what_changed_while_a_proxy_was_gone_comes_at_once(world: MeshWorld, proxy: Proxy) -> None:
    async with open_control(world) as control:
        async with proxy.source(control.address) as source:
            await take(source)
            await proxy.wait_saved(b"to 9001")
        world.publish(reviews_v1=Meant(snapshot_to(9002)))
        async with proxy.source(control.address) as source:
            assert await take(source) == "to 9001"
            assert await take(source) == "to 9002"
            await proxy.wait_saved(b"to 9002")


async def test_a_damaged_disk_is_told_and_control_is_asked_for_everything(
    world: MeshWorld, proxy: Proxy, log: pytest.LogCaptureFixture
) -> None:
    proxy.folder.mkdir(mode=0o700)
    (proxy.folder / FILE_NAME).write_bytes(b"hauberk last good configuration 1\nrubbish")
    (proxy.folder / FILE_NAME).chmod(0o600)
    async with open_control(world) as control, proxy.source(control.address) as source:
        assert await take(source) == "to 9001"
        await proxy.wait_saved(b"to 9001")
    assert "is damaged" in log.text


async def test_a_disk_whose_configuration_is_refused_is_forgotten(world: MeshWorld, proxy: Proxy) -> None:
    async with open_control(world) as control:
        async with proxy.source(control.address) as source:
            await take(source)
            await proxy.wait_saved(b"to 9001")
        async with proxy.source(control.address) as source:
            assert (await following(source)).snapshot.version == "to 9001"
            await source.refused("the port is taken")
            # Control sends it once more, because this proxy says that it holds nothing.
            assert await take(source) == "to 9001"
            await until(lambda: is_current(control, "to 9001"))


async def test_a_refused_configuration_is_not_kept(world: MeshWorld, proxy: Proxy) -> None:
    async with open_control(world) as control:
        async with proxy.source(control.address) as source:
            await take(source)
            await proxy.wait_saved(b"to 9001")
            world.publish(reviews_v1=Meant(snapshot_to(9002)))
            await following(source)
            await source.refused("no")
        async with proxy.source(control.address) as source:
            assert await take(source) == "to 9001"


async def test_a_refusal_by_control_is_told_to_a_person(world: MeshWorld, proxy: Proxy, log: pytest.LogCaptureFixture) -> None:
    world.people.workloads["default", "reviews-v1"] = "somebody-else"
    async with open_control(world) as control, proxy.source(control.address) as source:
        await expect_nothing(source)
        await until(lambda: "refuses this proxy (PERMISSION_DENIED)" in source.checks()[0].detail)
    assert any(
        "waiting for a first configuration" in record.getMessage() for record in log.records if record.levelname == "ERROR"
    )


async def test_a_workload_without_an_identity_is_an_end(tmp_path: Path) -> None:
    async def keep(thread: AsyncioThread, changed: Callable[[WorkloadIdentity], None]) -> None:
        raise IdentityFailed("the join token was used already; ask for another one")

    settings = DiscoverySettings("127.0.0.1:1", "spiffe://mesh.test/ns/default/sa/reviews", NODE, tmp_path)
    with trio.fail_after(PATIENCE), pytest.raises(SourceFailed, match="the join token was used already"):
        await DiscoverySource(settings, keep).run()


async def test_a_proxy_announces_its_plugins_and_another_version_of_one_leaves_the_disk_good(
    world: MeshWorld, proxy: Proxy
) -> None:
    async with open_control(world) as control, proxy.source(control.address, {"mtls": "1.0"}) as source:
        assert await take(source) == "to 9001"
        status = only(control)
        assert status is not None
        assert status.plugins == {"mtls": "1.0"}
        await proxy.wait_saved(b"9001")
    async with proxy.source("127.0.0.1:1", {"mtls": "2.0"}) as source:
        assert await take(source) == "to 9001"


async def test_what_was_refused_for_a_passing_reason_comes_again_and_control_hears_of_its_success(
    world: MeshWorld, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_module, "FIRST_RETRY_SECONDS", 0.01)
    async with open_control(world) as control, proxy.source(control.address) as source:
        await take(source)
        world.publish(reviews_v1=Meant(snapshot_to(9002)))
        assert (await following(source)).snapshot.version == "to 9002"
        await source.refused("the port is taken", passing=True)
        await until(lambda: (status := only(control)) is not None and status.refused_reason == "the port is taken")
        assert (await following(source)).snapshot.version == "to 9002"
        await source.refused("the port is still taken", passing=True)
        assert "is tried again: the port is still taken" in source.checks()[0].detail
        assert await take(source) == "to 9002"
        await until(lambda: is_current(control, "to 9002"))
        assert "refused" not in source.checks()[0].detail
        await proxy.wait_saved(b"9002")
        # What follows is computed from what came into force late.
        world.publish(reviews_v1=Meant(snapshot_to(9003)))
        assert await take(source) == "to 9003"
        await until(lambda: is_current(control, "to 9003"))


async def test_another_configuration_takes_the_place_of_the_one_that_is_tried_again(
    world: MeshWorld, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_module, "FIRST_RETRY_SECONDS", 60.0)
    async with open_control(world) as control, proxy.source(control.address) as source:
        await take(source)
        world.publish(reviews_v1=Meant(snapshot_to(9002)))
        await following(source)
        await source.refused("the port is taken", passing=True)
        world.publish(reviews_v1=Meant(snapshot_to(9003)))
        assert await take(source) == "to 9003"
        await until(lambda: is_current(control, "to 9003"))
        await expect_nothing(source)


async def test_what_the_disk_kept_comes_again_too_while_control_is_away(
    world: MeshWorld, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_module, "FIRST_RETRY_SECONDS", 0.01)
    async with open_control(world) as control, proxy.source(control.address) as source:
        await take(source)
        await proxy.wait_saved(b"9001")
    async with proxy.source("127.0.0.1:1") as source:
        assert (await following(source)).snapshot.version == "to 9001"
        await source.refused("the port is taken", passing=True)
        assert await take(source) == "to 9001"
        assert "serving configuration 'to 9001'" in source.checks()[0].detail
