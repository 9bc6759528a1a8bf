import re

from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.model.reason import Reason
from hauberk_core.observe.record import Record
from hauberk_core.observe.text_line import TextLine

_DOCUMENTED = (
    b'[2020-11-25T21:26:18.409Z] "GET /status/418 HTTP/1.1" 418 - via_upstream - "-" 0 135 3 1 "-" "curl/7.73.0-DEV"'
    b' "84961386-6d84-929d-98bd-c5aee93b5c88" "httpbin:8000" "127.0.0.1:80" inbound|8000|| 127.0.0.1:41854 10.44.1.27:80'
    b" 10.44.1.23:37652 outbound_.8000_._.httpbin.foo.svc.cluster.local default\n"
)

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_BARE = r'((?:[^ "\\]|\\.)+)'
_LINE = re.compile(
    rf'\[([^] ]+)\] "{_BARE} {_BARE} {_BARE}" (\d+) (\S+) {_BARE} - {_QUOTED} (\d+) (\d+) (\d+) (-|\d+)'
    + f" {_QUOTED}" * 5
    + f" {_BARE}" * 6
    + "\n"
)

# What breaks naive logs, often, and anything else that text may hold.
_VALUES = st.one_of(
    st.text(alphabet=st.characters(min_codepoint=0, max_codepoint=0xFF)),
    st.text(alphabet=' "\\\r\n\t\x00\x1b\x7f\x85\x9b-x'),
    st.text(),
)
_TEXTS = (
    "method",
    "path",
    "protocol",
    "upstream_failure",
    "x_forwarded_for",
    "user_agent",
    "request_id",
    "authority",
    "upstream_host",
    "cluster",
    "upstream_local",
    "downstream_local",
    "downstream_remote",
    "server_name",
    "route",
)
# Where the regular expression above has the values of these fields.
_GROUPS = (2, 3, 4, 8, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23)


def _unescape(text: str) -> str:
    return text.encode("ascii").decode("unicode_escape")


def test_the_documented_example(documented_record: Record) -> None:
    assert TextLine().line(documented_record) == _DOCUMENTED


def test_what_there_was_not_is_a_dash() -> None:
    record = Record()
    record.reason = Reason.REQUEST_TIMEOUT
    record.status = 408
    assert TextLine().line(record) == (
        b'[1970-01-01T00:00:00.000Z] "- - -" 408 DT request_timeout - "-" 0 0 0 - "-" "-" "-" "-" "-" - - - - - -\n'
    )


def test_details_follow_the_reason_in_braces(documented_record: Record) -> None:
    documented_record.reason = Reason.BAD_REQUEST
    documented_record.details = 'two "Host" lines'
    assert b'418 DPE bad_request{two_\\"Host\\"_lines} - ' in TextLine().line(documented_record)


def test_numbers_of_any_size(documented_record: Record) -> None:
    documented_record.bytes_received = 999
    documented_record.bytes_sent = 1000
    documented_record.duration = 123456.789
    assert b' "-" 999 1000 123456789 1 ' in TextLine().line(documented_record)


@given(st.fixed_dictionaries(dict.fromkeys(_TEXTS, _VALUES)), st.booleans())
def test_any_record_is_one_line_that_can_be_read_back(values: dict[str, str], used: bool) -> None:
    record = Record()
    for name, value in values.items():
        setattr(record, name, value)
    text_line = TextLine()
    if used:
        text_line.line(Record())
    line = text_line.line(record).decode("ascii")
    assert line.isascii()
    assert line[:-1].isprintable()
    match = _LINE.fullmatch(line)
    assert match is not None, line
    for name, group in zip(_TEXTS, _GROUPS, strict=True):
        assert _unescape(match[group]) == (values[name] or "-")


def test_an_injected_line_stays_inside_of_its_own(documented_record: Record) -> None:
    documented_record.user_agent = 'x"\n' + _DOCUMENTED.decode()
    assert TextLine().line(documented_record).count(b"\n") == 1


def test_quotes_that_keep_their_number_even_are_still_escaped(documented_record: Record) -> None:
    documented_record.user_agent = 'a" "b'
    assert b'"a\\" \\"b"' in TextLine().line(documented_record)


def test_a_blank_that_moves_fields_is_escaped(documented_record: Record) -> None:
    documented_record.server_name = "a b"
    assert TextLine().line(documented_record).endswith(b" a\\x20b default\n")


def test_clients_cannot_make_the_log_remember_without_end(documented_record: Record) -> None:
    text_line = TextLine()
    for blanks in range(3000):
        documented_record.user_agent = "x" + " " * blanks
        assert (b'"x' + b" " * blanks + b'"') in text_line.line(documented_record)
