"""Being told of a change, however it is made, and of nothing else."""

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
import trio.lowlevel
import trio.testing

from hauberk_core.agent import file_watch
from hauberk_core.agent.file_watch import FileWatch

PATIENCE = 60
linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux has inotify")


@pytest.fixture
def no_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only notifications count."""
    monkeypatch.setattr(file_watch, "LOOK_SECONDS", 3600.0)


async def _told(watch: FileWatch) -> None:
    with trio.fail_after(PATIENCE):
        await watch.wait_change()


async def _not_told(watch: FileWatch) -> None:
    with trio.move_on_after(0.1):
        await watch.wait_change()
        pytest.fail("told of a change")


def _in_place(file: Path) -> None:
    with file.open("r+") as stream:
        stream.write("other")


def _renamed_over(file: Path) -> None:
    fresh = file.with_name("fresh")
    fresh.write_text("other")
    fresh.replace(file)


def _deleted(file: Path) -> None:
    file.unlink()


def _given_other_rights(file: Path) -> None:
    file.chmod(0o600)


def _renamed_away(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))


WAYS = (_in_place, _renamed_over, _deleted, _given_other_rights, _renamed_away)


@linux
@pytest.mark.usefixtures("no_looks")
@pytest.mark.parametrize("change", WAYS)
async def test_a_file_that_changes_is_told_of(tmp_path: Path, change: Callable[[Path], None]) -> None:
    file = tmp_path / "file"
    file.write_text("one")
    watch = FileWatch()
    assert watch.follow([file])
    await _not_told(watch)
    change(file)
    await _told(watch)


@linux
@pytest.mark.usefixtures("no_looks")
async def test_one_change_after_another_is_told_of(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("one")
    watch = FileWatch()
    watch.follow([file])
    for change in (_renamed_over, _in_place, _renamed_over, _deleted, Path.touch, _in_place):
        change(file)
        await _told(watch)


@linux
@pytest.mark.usefixtures("no_looks")
async def test_what_happened_between_two_waits_is_told_of(tmp_path: Path) -> None:
    file = tmp_path / "file"
    watch = FileWatch()
    watch.follow([file])
    file.touch()
    await _told(watch)
    file.write_text("two")
    await trio.lowlevel.checkpoint()
    await _told(watch)


@linux
@pytest.mark.usefixtures("no_looks")
async def test_a_mounted_volume_of_kubernetes_is_told_of(tmp_path: Path) -> None:
    """A ConfigMap: `file` leads to `..data/file`, and `..data` to a folder that is replaced as a whole."""
    for version in ("one", "two"):
        (tmp_path / f"..{version}").mkdir()
        (tmp_path / f"..{version}" / "file").write_text(version)
    (tmp_path / "..data").symlink_to("..one")
    (tmp_path / "file").symlink_to("..data/file")
    watch = FileWatch()
    watch.follow([tmp_path / "file"])
    await _not_told(watch)
    (tmp_path / "..data_tmp").symlink_to("..two")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    await _told(watch)
    (tmp_path / "..two" / "file").write_text("three")
    await _told(watch)
    (tmp_path / "..one" / "file").write_text("nobody reads this any more")
    await _not_told(watch)


@linux
@pytest.mark.usefixtures("no_looks")
async def test_a_release_that_is_switched_by_a_link_above_is_told_of(tmp_path: Path) -> None:
    for version in ("one", "two"):
        (tmp_path / version / "etc").mkdir(parents=True)
        (tmp_path / version / "etc" / "file").write_text(version)
    current = tmp_path / "current"
    current.symlink_to(tmp_path / "one")
    watch = FileWatch()
    watch.follow([current / "etc" / ".." / "etc" / "file"])
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").rename(current)
    await _told(watch)
    (current / "etc" / "file").write_text("three")
    await _told(watch)


@linux
@pytest.mark.usefixtures("no_looks")
async def test_a_file_whose_folder_comes_later_is_told_of(tmp_path: Path) -> None:
    watch = FileWatch()
    watch.follow([tmp_path / "a" / "b" / "file"])
    (tmp_path / "a").mkdir()
    await _told(watch)
    (tmp_path / "a" / "b").mkdir()
    await _told(watch)
    (tmp_path / "a" / "b" / "file").touch()
    await _told(watch)


@linux
@pytest.mark.usefixtures("no_looks")
async def test_a_folder_that_is_replaced_is_told_of(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").touch()
    watch = FileWatch()
    watch.follow([folder / "file"])
    folder.rename(tmp_path / "old")
    await _told(watch)
    folder.mkdir()
    await _told(watch)
    (folder / "file").touch()
    await _told(watch)


@linux
@pytest.mark.usefixtures("no_looks")
async def test_a_file_that_is_written_under_another_name_of_its_own_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "mounted").mkdir()
    (tmp_path / "file").write_text("one")
    (tmp_path / "mounted" / "file").hardlink_to(tmp_path / "file")
    watch = FileWatch()
    watch.follow([tmp_path / "mounted" / "file"])
    _in_place(tmp_path / "file")
    await _told(watch)


@linux
@pytest.mark.usefixtures("no_looks")
async def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    watch = FileWatch()
    watch.follow([tmp_path / "a"])
    (tmp_path / "b").unlink()
    (tmp_path / "b").touch()
    await _told(watch)


@linux
@pytest.mark.usefixtures("no_looks")
async def test_neighbours_are_not_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    watch = FileWatch()
    watch.follow([tmp_path / "file"])
    (tmp_path / "other").write_text("busy")
    (tmp_path / "other").unlink()
    await _not_told(watch)
    (tmp_path / "file").read_text()
    await _not_told(watch)


@linux
@pytest.mark.usefixtures("no_looks")
async def test_every_entry_of_a_folder_is_told_of(tmp_path: Path) -> None:
    watch = FileWatch()
    watch.follow([], [tmp_path])
    (tmp_path / "new").touch()
    await _told(watch)
    (tmp_path / "new").write_text("text")
    await _told(watch)
    (tmp_path / "new").unlink()
    await _told(watch)


@linux
@pytest.mark.usefixtures("no_looks")
async def test_what_is_followed_no_more_is_not_told_of(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    watch = FileWatch()
    assert watch.follow([], [old])
    assert not watch.follow([], [old])
    assert watch.follow([], [new])
    (old / "file").touch()
    await _not_told(watch)
    (new / "file").touch()
    await _told(watch)


@linux
async def test_who_waits_with_nothing_to_follow_hears_of_what_is_followed_later(tmp_path: Path) -> None:
    watch = FileWatch()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_told, watch)
        await trio.testing.wait_all_tasks_blocked()
        watch.follow([])
        watch.follow([tmp_path / "file"])
        await trio.testing.wait_all_tasks_blocked()
        (tmp_path / "file").touch()


@linux
@pytest.mark.usefixtures("no_looks")
async def test_a_busy_writer_makes_no_busy_reader(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    watch = FileWatch()
    watch.follow([file])
    begun = trio.current_time()
    for number in range(25):
        file.write_text(str(number))
        await _told(watch)
    # One in 20 ms.
    assert trio.current_time() - begun >= 24 * 0.02


@linux
@pytest.mark.parametrize("followed", [["file"], []])
async def test_closing_gives_back_what_was_taken(tmp_path: Path, followed: list[str]) -> None:
    gc.collect()  # what others have left behind gives its descriptors back now, and not within this test
    before = os.listdir("/proc/self/fd")
    watch = FileWatch()
    watch.follow([tmp_path / name for name in followed])
    watch.close()
    watch.close()
    assert os.listdir("/proc/self/fd") == before


@linux
async def test_without_a_notification_there_is_a_look_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_watch, "LOOK_SECONDS", 0.01)
    watch = FileWatch()
    watch.follow([tmp_path / "file"])
    await _told(watch)


async def test_where_nothing_is_notified_there_is_a_look_after_every_pause(
    tmp_path: Path, no_looks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(file_watch, "Inotify", refused)
    watch = FileWatch()
    watch.follow([tmp_path / "file"])
    for _ in range(3):
        await _told(watch)
    watch.close()
