"""A folder is watched as people edit it: changes are seen at once, accidents take nothing away."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
import trio
import trio.testing

from hauberk_control.sources import folder as folder_module
from hauberk_control.sources.folder import PATIENCE_SECONDS, FolderSource, load_folder
from hauberk_control.sources.source import Loaded
from hauberk_core.resources import Namespace

BROKEN: Final = "apiVersion: v1\nkind: Namespace\nmetadata: {nam: x}\n"


def _namespace(name: str) -> str:
    return f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n"


def _text(*names: str) -> str:
    return "---\n".join([_namespace(name) for name in names])


def _names(loaded: Loaded) -> list[str]:
    return [one.metadata.name for one in loaded.store.of(Namespace)]


async def _next(source: FolderSource) -> Loaded:
    with trio.fail_after(60):
        return await source.next()


async def _expect_nothing(source: FolderSource, seconds: float = PATIENCE_SECONDS + 0.15) -> None:
    with trio.move_on_after(seconds):
        loaded = await source.next()
        pytest.fail(f"{_names(loaded)}, {loaded.errors} were taken for a change")


@pytest.fixture
def virtual() -> trio.testing.MockClock:
    """Counts what is waited for by design, and nothing that a busy machine adds."""
    return trio.testing.MockClock(autojump_threshold=0.01)


async def test_the_first_call_reads_all_and_the_second_waits_for_a_change(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(_text("a1", "a2"))
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "b.yml").write_text(_text("b"))
    (tmp_path / "c.json").write_text('{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "c"}}')
    (tmp_path / "notes.txt").write_text("kind: nothing\n")
    source = FolderSource(tmp_path)
    loaded = await _next(source)
    assert _names(loaded) == ["a1", "a2", "b", "c"]
    assert loaded.errors == ()
    assert loaded == load_folder(tmp_path)
    await _expect_nothing(source)
    (tmp_path / "a.yaml").write_text(_text("a1", "a2", "a3"))
    assert _names(await _next(source)) == ["a1", "a2", "a3", "b", "c"]


async def test_what_is_on_disk_and_not_told_yet_is_known_at_any_moment(tmp_path: Path) -> None:
    changed, gone, fresh = (tmp_path / name for name in ("changed.yaml", "gone.yaml", "new.yaml"))
    changed.write_text(_text("a"))
    gone.write_text(_text("b"))
    source = FolderSource(tmp_path)
    assert source.unread() == [str(changed), str(gone)]
    await _next(source)
    assert source.unread() == []
    changed.write_text(_text("a", "a2"))
    gone.unlink()
    fresh.write_text(_text("c"))
    assert source.unread() == [str(changed), str(gone), str(fresh)]
    while source.unread():
        loaded = await _next(source)
    assert _names(loaded) == ["a", "a2", "c"]
    changed.write_text(BROKEN)
    assert source.unread() == [str(changed)]
    assert (await _next(source)).errors
    assert source.unread() == []


async def test_what_was_read_and_not_told_yet_is_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.yaml").write_text(_text("a"))
    source = FolderSource(tmp_path)
    await _next(source)
    (tmp_path / "b.yaml").write_text(_text("b"))
    seen: list[list[str]] = []
    load_files = source._load_files

    def load() -> Loaded:
        seen.append(source.unread())
        return load_files()

    monkeypatch.setattr(source, "_load_files", load)
    await _next(source)
    assert seen == [[str(tmp_path)]]


async def test_a_change_is_seen_within_a_tenth_of_a_second(tmp_path: Path, virtual: trio.testing.MockClock) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(_text("a"))
    source = FolderSource(tmp_path)
    # No deadlines here: the clock would jump to them while a thread reads.
    await source.next()
    delays: list[float] = []
    for count in range(1, 8):
        async with trio.open_nursery() as nursery:
            done = trio.Event()

            async def wait(done: trio.Event = done) -> None:
                await source.next()
                done.set()

            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            file.write_text(_text("a", *[f"n{number}" for number in range(count)]))
            begun = trio.current_time()
            await done.wait()
            delays.append(trio.current_time() - begun)
    assert max(delays) < 0.1


async def test_a_broken_object_keeps_its_last_good_form_and_its_neighbours_go_on(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(_text("x", "y"))
    source = FolderSource(tmp_path)
    good = await _next(source)
    file.write_text(f"{BROKEN}---\n{_namespace('y').replace('{name', '{labels: {new: label}, name')}---\n{_namespace('z')}")
    loaded = await _next(source)
    assert _names(loaded) == ["x", "y", "z"]
    assert loaded.store.get(Namespace, "", "x") == good.store.get(Namespace, "", "x")
    changed = loaded.store.get(Namespace, "", "y")
    assert changed is not None
    assert changed.metadata.labels == {"new": "label"}
    assert [(error.origin, error.line, error.column) for error in loaded.errors] == [(str(file), 3, 12)]
    file.write_text(_text("y"))
    repaired = await _next(source)
    assert (_names(repaired), repaired.errors) == (["y"], ())


async def test_a_broken_file_is_told_at_the_start_too(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(_text("a"))
    (tmp_path / "b.yaml").write_text(BROKEN)
    loaded = await _next(FolderSource(tmp_path))
    assert _names(loaded) == ["a"]
    assert {error.origin for error in loaded.errors} == {str(tmp_path / "b.yaml")}


async def test_a_file_that_is_written_in_pieces_is_one_change(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    whole = _text("a", "b", "c")
    file.write_text(whole)
    source = FolderSource(tmp_path)
    await _next(source)
    seen: list[list[str]] = []

    async def watch(task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        while True:
            seen.append(_names(await source.next()))

    wanted = _text("a", "b", "c", "d")
    async with trio.open_nursery() as nursery:
        await nursery.start(watch)
        with file.open("w") as writer:
            for start in range(0, len(wanted), 20):
                writer.write(wanted[start : start + 20])
                writer.flush()
                await trio.sleep(0.005)
        with trio.fail_after(60):
            while not seen or seen[-1] != ["a", "b", "c", "d"]:  # noqa: ASYNC110 - what is waited for is a list's content
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert all(names in (["a", "b", "c"], ["a", "b", "c", "d"]) for names in seen)


async def test_a_machine_that_stands_still_makes_no_half_of_a_file_a_change(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(_text("a", "b"))
    source = FolderSource(tmp_path)
    seen: list[list[str]] = []

    async def watch() -> None:
        while True:
            seen.append(_names(await source.next()))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        await _pass(mock_clock, until=lambda: len(seen) == 1)
        file.write_text(_text("a"))
        for _ in range(8):
            await _pass(mock_clock)
        # Nobody gets a turn, and then everybody at once.
        mock_clock.jump(60)
        await trio.testing.wait_all_tasks_blocked(0.05)
        file.write_text(_text("a", "b", "c"))
        await _pass(mock_clock, until=lambda: len(seen) == 2)
        nursery.cancel_scope.cancel()
    assert seen == [["a", "b"], ["a", "b", "c"]]


async def _pass(clock: trio.testing.MockClock, until: Callable[[], bool] = lambda: True) -> None:
    """Let a moment pass, or several, and threads do their work."""
    for _ in range(2000):
        await trio.testing.wait_all_tasks_blocked(0.005)
        clock.jump(0.005)
        if until():
            return
    pytest.fail("it does not come")


async def test_an_emptied_file_is_an_error_and_no_deletion(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(_text("a"))
    source = FolderSource(tmp_path)
    await _next(source)
    file.write_text("")
    loaded = await _next(source)
    assert _names(loaded) == ["a"]
    assert [(error.line, error.column, error.message) for error in loaded.errors] == [
        (1, 1, "the file is empty; its objects stay as they were")
    ]
    file.write_text("# nothing any more\n")
    loaded = await _next(source)
    assert (_names(loaded), loaded.errors) == ([], ())


async def test_a_file_emptied_and_filled_again_is_no_change(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(_text("a"))
    source = FolderSource(tmp_path)
    await _next(source)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_expect_nothing, source)
        await trio.testing.wait_all_tasks_blocked()
        file.write_text("")
        await trio.sleep(0.06)
        file.write_text(_text("a"))


async def test_a_deleted_file_takes_its_objects_along_after_a_moment(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(_text("a"))
    (tmp_path / "b.yaml").write_text(_text("b"))
    source = FolderSource(tmp_path)
    await _next(source)
    begun = trio.current_time()
    file.unlink()
    assert _names(await _next(source)) == ["b"]
    assert trio.current_time() - begun >= PATIENCE_SECONDS


async def test_a_file_deleted_and_created_again_is_no_change(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(_text("a"))
    source = FolderSource(tmp_path)
    await _next(source)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_expect_nothing, source)
        await trio.testing.wait_all_tasks_blocked()
        file.unlink()
        await trio.sleep(0.06)
        file.write_text(_text("a"))


async def test_a_renamed_file_loses_nothing_and_is_no_duplicate(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(_text("a"))
    source = FolderSource(tmp_path)
    await _next(source)
    (tmp_path / "a.yaml").rename(tmp_path / "z.yaml")
    loaded = await _next(source)
    assert (_names(loaded), loaded.errors) == (["a"], ())
    (item,) = loaded.store.objects.values()
    assert item.place.file == str(tmp_path / "z.yaml")


async def test_several_files_changed_at_once_are_one_change(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / f"{name}.yaml").write_text(_text(name))
    source = FolderSource(tmp_path)
    await _next(source)
    for name in "abcd":
        (tmp_path / f"{name}.yaml").write_text(_text(name, f"{name}2"))
    assert len(_names(await _next(source))) == 8


async def test_a_file_without_a_last_line_break_is_believed_a_little_later(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(_text("a"))
    source = FolderSource(tmp_path)
    await _next(source)
    begun = trio.current_time()
    file.write_text(_text("a", "b").rstrip())
    assert _names(await _next(source)) == ["a", "b"]
    assert trio.current_time() - begun >= folder_module.DOUBT_SECONDS


async def test_duplicates_in_two_files_name_both_places(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(_text("one"))
    (tmp_path / "b.yaml").write_text(_text("two", "one"))
    (error,) = (await _next(FolderSource(tmp_path))).errors
    assert (error.origin, error.line) == (str(tmp_path / "b.yaml"), 5)
    assert "the one at a.yaml:1:1" in error.message


async def test_a_folder_that_is_gone_takes_nothing_away(tmp_path: Path) -> None:
    root = tmp_path / "mesh"
    root.mkdir()
    (root / "a.yaml").write_text(_text("a"))
    source = FolderSource(root)
    await _next(source)
    root.rename(tmp_path / "elsewhere")
    loaded = await _next(source)
    assert _names(loaded) == ["a"]
    assert "cannot be read" in loaded.errors[0].message
    (tmp_path / "elsewhere").rename(root)
    loaded = await _next(source)
    assert (_names(loaded), loaded.errors) == (["a"], ())


async def test_a_link_swapped_in_the_folder_above_is_a_change(tmp_path: Path) -> None:
    # As Kubernetes mounts a ConfigMap: a.yaml -> ..data/a.yaml, ..data -> ..version.
    for version in ("1", "2"):
        (tmp_path / f"..{version}").mkdir()
        (tmp_path / f"..{version}" / "a.yaml").write_text(_text("a", f"version{version}"))
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    source = FolderSource(tmp_path)
    assert _names(await _next(source)) == ["a", "version1"]
    (tmp_path / "..tmp").symlink_to("..2")
    (tmp_path / "..tmp").rename(tmp_path / "..data")
    assert _names(await _next(source)) == ["a", "version2"]


async def test_cancelling_loses_no_change(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(_text("a"))
    source = FolderSource(tmp_path)
    await _next(source)
    file.write_text(_text("a", "b"))
    with trio.move_on_after(0.015):
        await source.next()
    assert _names(await _next(source)) == ["a", "b"]
