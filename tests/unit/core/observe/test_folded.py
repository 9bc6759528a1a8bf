from hauberk_core.observe.cells_reader import Reading, Series
from hauberk_core.observe.folded import FoldedCells, add_up
from hauberk_core.observe.metrics import CLUSTER, LISTENER


def test_workers_are_added_up_by_labels() -> None:
    one = Reading([Series(CLUSTER, ("a",), [1, 2, 3, 4, 5]), Series(LISTENER, ("a",), [1, 1, 1, 1])], 2)
    two = Reading([Series(CLUSTER, ("a",), [10, 20, 30, 40, 50]), Series(CLUSTER, ("b",), [7, 7, 7, 7, 7])], 3)
    total = add_up([one, two])
    assert total.refused == 5
    assert [(series.group.name, series.labels, series.values) for series in total.series] == [
        ("cluster", ("a",), [11, 22, 33, 44, 55]),
        ("listener", ("a",), [1, 1, 1, 1]),
        ("cluster", ("b",), [7, 7, 7, 7, 7]),
    ]
    assert one.series[0].values == [1, 2, 3, 4, 5]


def test_the_dead_leave_their_counters_and_not_their_gauges() -> None:
    folded = FoldedCells()
    folded.fold(Reading([Series(LISTENER, ("http",), [5, 3, 1, 0])], 1))
    folded.fold(Reading([Series(LISTENER, ("http",), [6, 2, 0, 4])], 1))
    assert [series.values for series in folded.read().series] == [[11, 0, 1, 4]]
    assert folded.read().refused == 2
