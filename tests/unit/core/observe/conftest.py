"""An empty cells file, and a record like the one in Istio's documentation."""

import tempfile
from collections.abc import Iterator

import pytest

from hauberk_core.observe.cells import create_cells
from hauberk_core.observe.record import Record


@pytest.fixture
def cells_file() -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        create_cells(file.fileno())
        yield file.fileno()


@pytest.fixture
def documented_record() -> Record:
    record = Record()
    record.start = 1606339578.409
    record.method = "GET"
    record.path = "/status/418"
    record.protocol = "HTTP/1.1"
    record.status = 418
    record.bytes_sent = 135
    record.duration = 0.0035
    record.upstream_duration = 0.0015
    record.user_agent = "curl/7.73.0-DEV"
    record.request_id = "84961386-6d84-929d-98bd-c5aee93b5c88"
    record.authority = "httpbin:8000"
    record.upstream_host = "127.0.0.1:80"
    record.cluster = "inbound|8000||"
    record.upstream_local = "127.0.0.1:41854"
    record.downstream_local = "10.44.1.27:80"
    record.downstream_remote = "10.44.1.23:37652"
    record.server_name = "outbound_.8000_._.httpbin.foo.svc.cluster.local"
    record.route = "default"
    return record
