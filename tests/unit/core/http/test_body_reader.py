import pytest

from hauberk_core.http.body_reader import BodyReader
from hauberk_core.http.buffer import ReceiveBuffer
from hauberk_core.http.errors import Violation
from hauberk_core.http.events import CHUNKED, COUNTED, UNTIL_CLOSE, Data, End
from hauberk_core.http.head import Limits
from hauberk_core.model.listener import HttpLimits
from hauberk_core.model.reason import Reason


def reader(framing: int, length: int = 0, limit: int = 0) -> BodyReader:
    made = BodyReader(Limits(HttpLimits()))
    made.begin(framing, length, limit)
    return made


def take(body: BodyReader, buffer: ReceiveBuffer, *, ended: bool = False) -> tuple[bytes, bool]:
    """Everything that is there, and whether the body ended."""
    octets = b""
    while (event := body.read(buffer, ended)) is not None:
        if isinstance(event, End):
            return octets, True
        assert isinstance(event, Data)
        octets += event.data
    return octets, False


def test_a_counted_body_leaves_what_follows_it() -> None:
    body, buffer = reader(COUNTED, 5), ReceiveBuffer()
    buffer.append(b"abc")
    assert take(body, buffer) == (b"abc", False)
    buffer.append(b"deGET /")
    assert take(body, buffer) == (b"de", True)
    assert buffer.take_all() == b"GET /"


def test_a_chunked_body_leaves_what_follows_it() -> None:
    body, buffer = reader(CHUNKED), ReceiveBuffer()
    buffer.append(b"3\r\nabc\r\n2\r\nd")
    assert take(body, buffer) == (b"abcd", False)
    buffer.append(b"e\r\n0\r\nx-sum: 1\r\n\r\nGET /")
    octets = b""
    while isinstance(event := body.read(buffer, False), Data):
        octets += event.data
    assert octets == b"e"
    assert isinstance(event, End)
    assert event.trailers is not None
    assert event.trailers.items() == [("x-sum", "1")]
    assert buffer.take_all() == b"GET /"


def test_a_body_without_a_length_lasts_until_its_connection_ends() -> None:
    body, buffer = reader(UNTIL_CLOSE), ReceiveBuffer()
    buffer.append(b"abc")
    assert take(body, buffer) == (b"abc", False)
    buffer.append(b"de")
    assert take(body, buffer, ended=True) == (b"de", True)


@pytest.mark.parametrize(("framing", "length"), [(COUNTED, 5), (CHUNKED, 0)])
def test_a_body_that_is_cut_short_never_ends(framing: int, length: int) -> None:
    body, buffer = reader(framing, length), ReceiveBuffer()
    buffer.append(b"3\r\n")
    assert not take(body, buffer, ended=True)[1]


def test_the_limit_is_for_chunks() -> None:
    body, buffer = reader(CHUNKED, limit=4), ReceiveBuffer()
    buffer.append(b"5\r\nabcde\r\n")
    with pytest.raises(Violation) as caught:
        take(body, buffer)
    assert caught.value.reason is Reason.BODY_TOO_LARGE


def test_one_reader_serves_one_body_after_another() -> None:
    body, buffer = reader(CHUNKED), ReceiveBuffer()
    buffer.append(b"1\r\na\r\n0\r\n\r\nbc")
    assert take(body, buffer) == (b"a", True)
    body.begin(COUNTED, 2, 0)
    assert take(body, buffer) == (b"bc", True)
