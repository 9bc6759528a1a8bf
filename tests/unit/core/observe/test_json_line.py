import json

from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.model.reason import Reason
from hauberk_core.observe.json_line import JsonLine
from hauberk_core.observe.record import Record

_FIELDS = {
    "method": "method",
    "path": "path",
    "protocol": "protocol",
    "upstream_failure": "upstream_transport_failure_reason",
    "x_forwarded_for": "x_forwarded_for",
    "user_agent": "user_agent",
    "request_id": "request_id",
    "authority": "authority",
    "upstream_host": "upstream_host",
    "cluster": "upstream_cluster",
    "upstream_local": "upstream_local_address",
    "downstream_local": "downstream_local_address",
    "downstream_remote": "downstream_remote_address",
    "server_name": "requested_server_name",
    "route": "route_name",
}
_VALUES = st.one_of(st.text(alphabet=' "\\\r\n\t\x00\x1b\x7f\x85\x9b-x'), st.text(alphabet=st.characters()))


def test_the_documented_example(documented_record: Record) -> None:
    line = JsonLine().line(documented_record)
    assert line.endswith(b"}\n")
    assert json.loads(line) == {
        "start_time": "2020-11-25T21:26:18.409Z",
        "method": "GET",
        "path": "/status/418",
        "protocol": "HTTP/1.1",
        "response_code": 418,
        "response_flags": "-",
        "response_code_details": "via_upstream",
        "connection_termination_details": None,
        "upstream_transport_failure_reason": None,
        "bytes_received": 0,
        "bytes_sent": 135,
        "duration": 3,
        "upstream_service_time": "1",
        "x_forwarded_for": None,
        "user_agent": "curl/7.73.0-DEV",
        "request_id": "84961386-6d84-929d-98bd-c5aee93b5c88",
        "authority": "httpbin:8000",
        "upstream_host": "127.0.0.1:80",
        "upstream_cluster": "inbound|8000||",
        "upstream_local_address": "127.0.0.1:41854",
        "downstream_local_address": "10.44.1.27:80",
        "downstream_remote_address": "10.44.1.23:37652",
        "requested_server_name": "outbound_.8000_._.httpbin.foo.svc.cluster.local",
        "route_name": "default",
    }


def test_an_answer_of_our_own_carries_its_reason(documented_record: Record) -> None:
    documented_record.reason = Reason.CONNECT_FAILED
    documented_record.upstream_duration = -1.0
    documented_record.upstream_failure = "connection refused"
    fields = json.loads(JsonLine().line(documented_record))
    assert fields["response_flags"] == "UF"
    assert fields["response_code_details"] == "connect_failed"
    assert fields["upstream_service_time"] is None
    assert fields["upstream_transport_failure_reason"] == "connection refused"


@given(st.fixed_dictionaries(dict.fromkeys(_FIELDS, _VALUES)))
def test_any_record_is_one_line_that_can_be_read_back(values: dict[str, str]) -> None:
    record = Record()
    for name, value in values.items():
        setattr(record, name, value)
    line = JsonLine().line(record).decode("ascii")
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    fields = json.loads(line)
    for name, field in _FIELDS.items():
        assert fields[field] == (values[name] or None)


def test_a_lone_surrogate_is_written_too(documented_record: Record) -> None:
    documented_record.route = "\ud800"
    assert json.loads(JsonLine().line(documented_record))["route_name"] == "\ud800"
