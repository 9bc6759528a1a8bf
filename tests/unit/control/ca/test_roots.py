import datetime as dt
import stat
from pathlib import Path

import pytest

from hauberk_control.ca.errors import AuthorityError
from hauberk_control.ca.roots import MOST_ROOTS, Root, forget_root, load_roots, make_root, stage_of
from hauberk_core.agent.identity.svid import check_chain

BEGIN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
OVERLAP = dt.timedelta(hours=24)


def at(hours: float) -> dt.datetime:
    return BEGIN + dt.timedelta(hours=hours)


def names(folder: Path, roots: tuple[Root, ...], hours: float) -> tuple[int, list[int], list[int]]:
    """Who signs, who is trusted, who is retired, by number."""
    stage = stage_of(roots, at(hours), OVERLAP)
    return (
        roots.index(stage.signing),
        [roots.index(root) for root in stage.trusted],
        [roots.index(root) for root in stage.retired],
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ca"


def test_the_first_root_signs_at_once(folder: Path) -> None:
    roots = (make_root(folder, "cluster.local", BEGIN),)

    assert names(folder, roots, 0) == (0, [0], [])
    assert names(folder, roots, 1000) == (0, [0], [])


def test_a_successor_is_trusted_then_signs_then_stands_alone(folder: Path) -> None:
    roots = (make_root(folder, "cluster.local", at(-1000)), make_root(folder, "cluster.local", at(0)))

    assert names(folder, roots, 0) == (0, [1, 0], [])
    assert names(folder, roots, 23.9) == (0, [1, 0], [])
    assert names(folder, roots, 24) == (1, [0, 1], [])
    assert names(folder, roots, 47.9) == (1, [0, 1], [])
    assert names(folder, roots, 48) == (1, [1], [0])


def test_rotations_on_each_others_heels_drop_nobody_early(folder: Path) -> None:
    roots = tuple([make_root(folder, "cluster.local", at(hours)) for hours in (-1000, 0, 1)])

    assert names(folder, roots, 24.5) == (1, [0, 2, 1], [])
    assert names(folder, roots, 25) == (2, [0, 1, 2], [])
    assert names(folder, roots, 48) == (2, [1, 2], [0])
    assert names(folder, roots, 49) == (2, [2], [0, 1])


def test_roots_are_kept_private_and_found_again_in_order(folder: Path) -> None:
    made = tuple([make_root(folder, "cluster.local", at(hours)) for hours in (5, 1, 3)])

    assert [root.announced for root in load_roots(folder)] == [at(1), at(3), at(5)]
    assert {root.path for root in load_roots(folder)} == {root.path for root in made}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(root.path.stat().st_mode) for root in made} == {0o600}


def test_a_root_stands_for_itself_and_two_have_two_names(folder: Path) -> None:
    first, second = make_root(folder, "cluster.local", BEGIN), make_root(folder, "cluster.local", BEGIN)

    check_chain([first.certificate], [first.certificate], BEGIN)
    assert first.certificate.subject != second.certificate.subject


def test_a_forgotten_root_is_gone(folder: Path) -> None:
    root = make_root(folder, "cluster.local", BEGIN)
    forget_root(root)
    forget_root(root)

    assert load_roots(folder) == ()
    assert list(folder.iterdir()) == []


def test_a_key_that_others_may_read_is_refused(folder: Path) -> None:
    root = make_root(folder, "cluster.local", BEGIN)
    root.path.chmod(0o640)

    with pytest.raises(AuthorityError, match="chmod 600"):
        load_roots(folder)


@pytest.mark.parametrize("content", [b"", b"no PEM", None])
def test_a_damaged_root_is_not_passed_over(folder: Path, content: bytes | None) -> None:
    root = make_root(folder, "cluster.local", BEGIN)
    # Without its key, in the last case.
    root.path.write_bytes(root.path.read_bytes().partition(b"-----BEGIN PRIVATE")[0] if content is None else content)

    with pytest.raises(AuthorityError, match="restore it from a copy"):
        load_roots(folder)


def test_more_roots_than_anybody_needs_are_refused(folder: Path) -> None:
    for hours in range(MOST_ROOTS + 1):
        make_root(folder, "cluster.local", at(hours))

    with pytest.raises(AuthorityError, match="remove the oldest"):
        load_roots(folder)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(AuthorityError, match="cannot be kept"):
        make_root(tmp_path / "file", "cluster.local", BEGIN)
