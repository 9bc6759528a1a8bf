from collections.abc import Callable

from footprint import Footprint, Held, find_growth

SOUND = Held(objects=115_000, octets=6_200_000, resident=26_000_000, descriptors=14)


def run(worker: Callable[[Footprint], Held] = lambda _: SOUND, agent: Callable[[Footprint], Held] = lambda _: SOUND) -> list[str]:
    readings = [Footprint(50_000 * n, 1_000 * n, 14 * n, SOUND, SOUND) for n in range(12)]
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
