"""Routes are edited on disk while requests flow: how soon the traffic follows, and whether any request fails."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import pytest
from bookshop_mesh import MARK, bookshop_mesh, route, route_between, write_bookshop
from endurance import lasting
from laptop_mesh import Mesh, wait_until
from lateness import Lateness
from load_client import Load

pytestmark = [pytest.mark.e2e, pytest.mark.endure]

VISIBLE_SECONDS: Final = 0.3
WAITS: Final = 6
"""Times that a process must be woken between the change on disk and the answer that shows it: control for two looks at the file,
for translating and for sending; the agent; the worker."""
EDITS: Final = int(lasting(200, 20))
MOST_LATE: Final = EDITS // 4
"""How late this process is served says little of the others at one moment, and much over many."""


class Delay(NamedTuple):
    """How long an edit took to show, and how late this machine was meanwhile, both in seconds."""

    seconds: float
    lateness: float

    @property
    def is_prompt(self) -> bool:
        """Whether it showed in time, after what a machine that is busy with other things adds to each wait."""
        return self.seconds - WAITS * self.lateness < VISIBLE_SECONDS


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    folder = tmp_path_factory.mktemp("edits") / "mesh"
    write_bookshop(folder)
    (folder / "to-ratings.yaml").write_text(route_between("ratings", "first"))
    with bookshop_mesh(folder) as running:
        yield running


def test_an_edit_of_a_gateways_route_moves_traffic_at_once_and_fails_no_request(mesh: Mesh) -> None:
    file = mesh.folder / "reviews-route.yaml"
    with Load(mesh.gateway_port, "/reviews/0", clients=3, pause=0.005, mark=MARK) as load:
        _edit_again_and_again(load, lambda mark: file.write_text(route("reviews", mark=mark)), "gateway")


def test_an_edit_of_a_route_between_services_moves_traffic_at_once_and_fails_no_request(mesh: Mesh) -> None:
    file = mesh.folder / "to-ratings.yaml"
    # As the program beside the sidecar calls.
    port = mesh.proxy("sidecar", "reviews-v2").outbound_port("ratings.default:9080")
    with Load(port, "/ratings/0", clients=3, pause=0.005, mark=MARK) as load:
        _edit_again_and_again(load, lambda mark: file.write_text(route_between("ratings", mark)), "between services")


def _edit_again_and_again(load: Load, edit: Callable[[str], object], what: str) -> None:
    delays: list[Delay] = []
    wait_until(lambda: load.total() >= load.clients, "answers")
    with Lateness() as lateness:
        for number in range(EDITS):
            lateness.take()
            place = load.total()
            written = time.monotonic()
            edit(f"edit-{number}")
            seconds = _visible_after(load, place, f"edit-{number}", written)
            delays.append(Delay(seconds, lateness.take()))
    ordered = sorted(delay.seconds for delay in delays)
    latest = max(delays)
    print(  # noqa: T201
        f"{what}: {EDITS} edits visible after {1000 * ordered[EDITS // 2]:.0f} ms, at most {1000 * latest.seconds:.0f} ms "
        f"on a machine that was {1000 * latest.lateness:.0f} ms late; {load.total()} requests"
    )
    assert load.failed() == []
    late = [delay for delay in delays if not delay.is_prompt]
    assert len(late) <= MOST_LATE, late


def _visible_after(load: Load, place: int, mark: str, written: float) -> float:
    """Wait until every client was answered by the edited route twice in a row.

    Returns: seconds until the first such answer, or until the last request began that got another, whichever is later.
    """
    first_new = last_old = 0.0
    in_a_row: Counter[int] = Counter()

    def is_visible() -> bool:
        nonlocal place, first_new, last_old
        fresh = load.samples(place)
        place += len(fresh)
        for sample in fresh:
            if sample.began < written:
                continue
            if sample.mark == mark:
                in_a_row[sample.client] += 1
                first_new = first_new or sample.ended
            else:
                in_a_row[sample.client] = 0
                last_old = max(last_old, sample.began)
        return len(in_a_row) == load.clients and min(in_a_row.values()) >= 2

    wait_until(is_visible, f"{mark} at every client")
    return max(first_new, last_old) - written
