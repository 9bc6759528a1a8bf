"""What files last stood for outlives the process that read them."""

import contextlib
import logging
import os
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import trio

from hauberk_control.sources.folder import FolderSource
from hauberk_control.sources.kept_files import FOLDER_NAME, MOST_TEXTS, KeptFiles
from hauberk_control.sources.source import Loaded
from hauberk_core.agent.logs import LOG
from hauberk_core.resources import Namespace
from hauberk_core.resources.registry import CORE_KINDS

PATIENCE: Final = 60.0
BROKEN: Final = "apiVersion: v1\nkind: Namespace\nmetadata: {nam: x}\n"


def text(*names: str, **labels: str) -> str:
    """Namespaces, the first of which has labels."""
    written = ", ".join(f"{label}: {value}" for label, value in labels.items())
    first, *others = names
    parts = [f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {first}, labels: {{{written}}}}}\n"]
    parts += [f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n" for name in others]
    return "---\n".join(parts)


class Run(NamedTuple):
    """One run of a control that reads a folder."""

    source: FolderSource
    loaded: Loaded

    def names(self) -> list[str]:
        return [one.metadata.name for one in self.loaded.store.of(Namespace)]

    def labels(self, name: str) -> dict[str, str]:
        found = self.loaded.store.get(Namespace, "", name)
        assert found is not None
        return dict(found.metadata.labels)


class Mesh:
    """A folder of resources, and control's own."""

    def __init__(self, root: Path) -> None:
        self.root: Final = root
        self.state: Final = root / ".hauberk"

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[Run]:
        """Control starts, reads, keeps what it read, and is killed at the end of the block."""
        source = FolderSource(self.root, CORE_KINDS, KeptFiles(self.state, self.root, CORE_KINDS))
        with trio.fail_after(PATIENCE):
            loaded = await source.next()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(source.keep)
            yield Run(source, loaded)
            await until(lambda: not source._unsaved)
            # One is saved after the other; the last one's thread may still be at it.
            await trio.testing.wait_all_tasks_blocked(0.05)
            nursery.cancel_scope.cancel()

    def kept(self) -> list[Path]:
        folder = self.state / FOLDER_NAME
        return sorted(folder.iterdir()) if folder.is_dir() else []


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110 - files send no event
            await trio.sleep(0.01)


@pytest.fixture
def mesh(tmp_path: Path) -> Mesh:
    return Mesh(tmp_path / "mesh")


@pytest.fixture
def file(mesh: Mesh) -> Path:
    mesh.root.mkdir()
    return mesh.root / "a.yaml"


@pytest.mark.parametrize("broken", ["kind: [", "", BROKEN, "\xff", text("x", color="red").replace("red", "[")])
async def test_a_file_that_is_broken_at_the_start_stands_for_what_it_last_was(mesh: Mesh, file: Path, broken: str) -> None:
    file.write_text(text("x", "y", color="blue"))
    async with mesh.run() as first:
        pass
    file.write_text(broken, "latin-1")
    async with mesh.run() as second:
        assert second.names() == ["x", "y"]
        assert second.loaded.store == first.loaded.store
        assert [error.origin for error in second.loaded.errors] == [str(file)]
        assert second.loaded.errors[0].severity == "error"
    async with mesh.run() as third:
        assert third.loaded == second.loaded
    file.write_text(text("z"))
    async with mesh.run() as repaired:
        assert (repaired.names(), repaired.loaded.errors) == (["z"], ())


async def test_each_object_is_as_it_last_was_right(mesh: Mesh, file: Path) -> None:
    file.write_text(f"{text('x', form='first')}---\n{text('y', form='first')}")
    async with mesh.run() as run:
        file.write_text(f"{BROKEN}---\n{text('y', form='second')}")
        with trio.fail_after(PATIENCE):
            loaded = await run.source.next()
        file.write_text(f"{BROKEN}---\n{BROKEN}")
        with trio.fail_after(PATIENCE):
            loaded = await run.source.next()
    async with mesh.run() as again:
        assert again.labels("x") == {"form": "first"}
        assert again.labels("y") == {"form": "second"}
        assert again.loaded == loaded
    file.write_text("[")
    async with mesh.run() as third:
        assert third.loaded.store == loaded.store


async def test_a_file_that_is_deleted_stays_so(mesh: Mesh, file: Path) -> None:
    (mesh.root / "b.yaml").write_text(text("b"))
    file.write_text(text("x"))
    async with mesh.run() as run:
        (mesh.root / "b.yaml").unlink()
        with trio.fail_after(PATIENCE):
            await run.source.next()
    assert len(mesh.kept()) == 1
    file.unlink()
    async with mesh.run() as second:
        assert second.names() == []
    assert mesh.kept() == []
    file.write_text("kind: [")
    async with mesh.run() as third:
        assert third.names() == []


async def test_a_folder_that_cannot_be_looked_into_takes_nothing_away(
    mesh: Mesh, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(text("x"))
    deeper = mesh.root / "deeper"
    deeper.mkdir()
    (deeper / "b.yaml").write_text(text("b"))
    async with mesh.run():
        pass
    look = os.scandir

    def refuse(path: str) -> object:
        if path == str(deeper):
            raise PermissionError(13, "Permission denied")
        return look(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refuse)
        async with mesh.run() as hidden:
            assert hidden.names() == ["b", "x"]
    (deeper / "b.yaml").write_text(text("b", "b2"))
    async with mesh.run() as back:
        assert back.names() == ["b", "b2", "x"]


async def test_a_folder_may_be_moved(mesh: Mesh, file: Path) -> None:
    file.write_text(text("x"))
    async with mesh.run():
        pass
    moved = Mesh(mesh.root.rename(mesh.root.parent / "elsewhere"))
    (moved.root / "a.yaml").write_text("[")
    async with moved.run() as run:
        assert run.names() == ["x"]
        assert run.loaded.errors[0].origin == str(moved.root / "a.yaml")


async def test_what_is_damaged_is_said_and_passed_over(mesh: Mesh, file: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, LOG.name)
    file.write_text(text("x"))
    (mesh.root / "b.yaml").write_text(text("b"))
    async with mesh.run():
        pass
    for kept in mesh.kept():
        kept.write_bytes(kept.read_bytes()[:-1] + b"?")
    file.write_text(f"{text('y')}---\n{BROKEN}")
    async with mesh.run() as run:
        assert run.names() == ["b", "y"]
        warnings = [error for error in run.loaded.errors if error.severity == "warning"]
        assert len(warnings) == 1
        assert "is damaged" in warnings[0].message
    assert "is damaged" in caplog.text
    file.write_text("[")
    async with mesh.run() as again:
        assert again.names() == ["b", "y"]


async def test_nobody_else_reads_what_is_kept_and_nothing_is_written_without_need(mesh: Mesh, file: Path) -> None:
    file.write_text(text("x"))
    async with mesh.run():
        pass
    [kept] = mesh.kept()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    before = kept.stat()
    async with mesh.run():
        pass
    after = kept.stat()
    # Reading may change the time of access.
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_how_many_texts_are_kept_of_a_file_is_bounded(mesh: Mesh, file: Path) -> None:
    from hauberk_control.sources.folder import load_folder

    file.write_text(text("x0"))
    objects = list(load_folder(mesh.root).store.objects.values())
    for number in range(1, MOST_TEXTS + 3):
        file.write_text(text(f"x{number}"))
        objects += load_folder(mesh.root).store.objects.values()
    kept = KeptFiles(mesh.state, mesh.root, CORE_KINDS)
    kept.save(str(file), objects)
    assert [item.key.name for item in kept.load(str(file))] == [f"x{number}" for number in range(MOST_TEXTS)]


def test_a_disk_that_takes_nothing_is_told_and_no_failure(mesh: Mesh, file: Path, caplog: pytest.LogCaptureFixture) -> None:
    from hauberk_control.sources.folder import load_folder

    file.write_text(text("x"))
    mesh.state.mkdir()
    (mesh.state / FOLDER_NAME).write_text("in the way")
    objects = list(load_folder(mesh.root).store.objects.values())
    KeptFiles(mesh.state, mesh.root, CORE_KINDS).save(str(file), objects)
    assert "are not kept for a restart of control" in caplog.text
