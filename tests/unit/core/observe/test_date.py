from datetime import UTC, datetime
from email.utils import formatdate

from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.observe.date import HttpDate, LogDate

_MOMENTS = st.floats(min_value=0, max_value=4102444800)


@given(st.lists(_MOMENTS, min_size=1))
def test_http_dates_are_those_of_the_standard_library(moments: list[float]) -> None:
    date = HttpDate()
    assert [date.at(moment) for moment in moments] == [formatdate(int(moment), usegmt=True) for moment in moments]


@given(st.lists(_MOMENTS, min_size=1))
def test_log_dates_are_those_of_the_standard_library(moments: list[float]) -> None:
    date = LogDate()
    for moment in moments:
        read = datetime.strptime(date.at(moment), "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        assert abs(read.timestamp() - moment) < 0.000501


def test_a_log_date_rounds_into_the_next_second() -> None:
    assert LogDate().at(1606339578.9996) == "2020-11-25T21:26:19.000Z"
