from collections.abc import Callable

import pytest
from footprint import Footprint, Held, find_growth

SOUND = Held(process=7, objects=115_000, octets=6_200_000, resident=26_000_000, descriptors=14)


def run(worker: Callable[[Footprint], Held] = lambda _: SOUND, agent: Callable[[Footprint], Held] = lambda _: SOUND) -> list[str]:
    readings = [Footprint(50_000 * n, 1_000 * n, 14 * n, SOUND, SOUND) for n in range(-4, 12)]
    return find_growth([reading._replace(worker=worker(reading), agent=agent(reading)) for reading in readings])


def test_what_stays_as_it_is_does_not_grow() -> None:
    assert run() == []


def test_caches_that_still_fill_are_no_leak() -> None:
    def filling(reading: Footprint) -> Held:
        return SOUND._replace(objects=SOUND.objects + min(60, reading.changes), octets=SOUND.octets + 100 * reading.changes)

    assert run(filling, filling) == []


def test_resident_memory_may_go_up_and_down() -> None:
    def spreading(reading: Footprint) -> Held:
        return SOUND._replace(resident=SOUND.resident + (3_000_000 if reading.changes % 4 else 0))

    assert run(spreading, spreading) == []


def test_one_object_in_every_tenth_request_is_found() -> None:
    found = run(lambda reading: SOUND._replace(objects=SOUND.objects + reading.requests // 10))
    assert any("worker: at least 0.1 objects more are alive for each request" in line for line in found)


def test_one_object_for_every_client_that_left_is_found() -> None:
    found = run(lambda reading: SOUND._replace(objects=SOUND.objects + reading.leavers))
    assert any("for each leaver; 0.1 may be" in line for line in found)


def test_two_and_a_half_octets_of_c_for_every_request_are_found() -> None:
    found = run(lambda reading: SOUND._replace(octets=SOUND.octets + reading.requests * 5 // 2))
    assert any("worker: at least 2.5 octets more are alive for each request" in line for line in found)


def test_a_snapshot_kept_for_each_change_is_found() -> None:
    found = run(agent=lambda reading: SOUND._replace(objects=SOUND.objects + 120 * reading.changes))
    assert found == ["agent: at least 120 objects more are alive for each change; 20 may be"]


def test_resident_memory_that_grows_and_grows_is_found() -> None:
    found = run(agent=lambda reading: SOUND._replace(resident=SOUND.resident + reading.changes * 10_000))
    assert found == ["agent: resident memory grew by at least 1540000 octets; 1048576 may be"]


def test_a_descriptor_that_stays_open_is_found() -> None:
    found = run(lambda reading: SOUND._replace(descriptors=14 + (reading.changes > 100)))
    assert found == ["worker: 14 descriptors have become 15"]


def test_a_process_that_took_anothers_place_has_a_trend_of_its_own() -> None:
    def restarted(reading: Footprint) -> Held:
        fresh = reading.changes >= 14 * 4
        return SOUND._replace(process=8 if fresh else 7, objects=SOUND.objects + (50_000 if fresh else 0))

    assert run(restarted, restarted) == []


def test_what_grows_in_one_of_several_lives_is_found() -> None:
    def restarted(reading: Footprint) -> Held:
        fresh = reading.changes >= 14 * 4
        return SOUND._replace(process=8 if fresh else 7, objects=SOUND.objects + (reading.requests // 10 if fresh else 0))

    assert any("worker: at least 0.1 objects more are alive for each request" in line for line in run(restarted))


def test_descriptors_that_only_successors_have_are_found() -> None:
    def restarted(reading: Footprint) -> Held:
        fresh = reading.changes >= 14 * 4
        return SOUND._replace(process=8 if fresh else 7, descriptors=15 if fresh else 14)

    assert run(restarted) == ["worker: a successor has 15 descriptors; the first one had 14"]


def test_processes_that_live_too_shortly_are_no_proof() -> None:
    with pytest.raises(ValueError, match="no worker was read often enough"):
        run(lambda reading: SOUND._replace(process=reading.changes))
