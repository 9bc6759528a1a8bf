import json

from bench.cluster.figures import Report, Series, all_met, page, raw

_MET = Series("a change", "ms", (9.0, 10.0, 23.0), 11.0, 24.0)
_SLOW_ONCE = Series("a change", "ms", (9.0, 10.0, 25.0), 11.0, 24.0)
_SLOW = Series("a change", "ms", (9.0, 12.0, 23.0), 11.0, 24.0)
_FREE = Series("CPU", "ms", (1000.0,))


def test_bars_are_held_against_the_median_and_against_each_value() -> None:
    assert all_met([_MET, _FREE])
    assert not _SLOW_ONCE.met
    assert not _SLOW.met
    assert not all_met([_MET, _SLOW])


def test_the_page_has_a_row_for_each_series() -> None:
    rows = page(Report("today", {"CPU": "two cores"}, (_MET, _SLOW, _FREE))).splitlines()
    assert "| a change | 10.0 ms | 9.0 ms | 23.0 ms | 3 | median 11 ms, most 24 ms | yes |" in rows
    assert "| a change | 12.0 ms | 9.0 ms | 23.0 ms | 3 | median 11 ms, most 24 ms | **no** |" in rows
    assert "| CPU | 1,000.0 ms | 1,000.0 ms | 1,000.0 ms | 1 |  |  |" in rows
    assert "- CPU: two cores" in rows


def test_every_value_is_kept() -> None:
    kept = json.loads(raw(Report("today", {}, (_MET,))))
    assert kept["series"][0]["values"] == [9.0, 10.0, 23.0]
    assert kept["series"][0]["most"] == 24.0
