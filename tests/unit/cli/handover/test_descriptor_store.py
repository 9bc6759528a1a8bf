"""Descriptors that are kept for somebody's successor."""

import os
from collections.abc import Iterator

import pytest

from hauberk_cli.handover.descriptor_store import LONGEST_NAME, DescriptorStore, StoreRefusal, is_name


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Reading end and writing end; tests close the writing end, or have it closed."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    yield reading, writing
    os.close(reading)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_what_is_parked_is_kept_until_it_is_removed(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    store = DescriptorStore()
    store.park("web", writing)
    assert store.descriptors() == [("web", writing)]
    store.remove("other")
    assert _is_open(writing)
    store.remove("web")
    assert store.descriptors() == []
    assert os.read(reading, 1) == b""


def test_the_same_file_is_kept_once(pipe: tuple[int, int]) -> None:
    _, writing = pipe
    store = DescriptorStore()
    store.park("web", writing)
    duplicate = os.dup(writing)
    store.park("again", duplicate)
    assert store.descriptors() == [("web", writing)]
    assert not _is_open(duplicate)
    store.close()


def test_one_name_may_stand_for_several(pipe: tuple[int, int]) -> None:
    _, writing = pipe
    store = DescriptorStore()
    store.park("web", writing)
    store.park("web", os.open(os.devnull, os.O_RDONLY))
    assert len(store.descriptors()) == 2
    store.remove("web")
    assert store.descriptors() == []


def test_there_is_a_bound(pipe: tuple[int, int]) -> None:
    _, writing = pipe
    store = DescriptorStore(most=1)
    store.park("web", writing)
    second = os.open(os.devnull, os.O_RDONLY)
    with pytest.raises(StoreRefusal, match="the most"):
        store.park("more", second)
    assert not _is_open(second)
    store.close()
    assert not _is_open(writing)


@pytest.mark.parametrize("name", ["", "a:b", "a\nb", "ä", "x" * (LONGEST_NAME + 1)])
def test_names_that_would_confuse_the_successor_are_refused(pipe: tuple[int, int], name: str) -> None:
    _, writing = pipe
    assert not is_name(name)
    with pytest.raises(StoreRefusal, match="may not be called"):
        DescriptorStore().park(name, writing)
    assert not _is_open(writing)
