"""An endpoint that closes idle connections at random costs no client of a real proxy an answer."""

import re
import subprocess
import sys
import urllib.request
from typing import Final

import pytest
from closing_backend import closing_backend
from endurance import lasting
from live_proxy import PATIENCE, forward_to, live_proxy
from programs import free_port, program

pytestmark = [pytest.mark.e2e, pytest.mark.endure]

REQUESTS: Final = int(lasting(100_000, 2_000))
# Of one run of the load's program.
SECONDS: Final = 1 if REQUESTS < 10_000 else 10
_SENT_AGAIN: Final = re.compile(r'^hauberk_upstream_sent_again_total\{cluster="backend"\} (\S+)$', re.MULTILINE)


def test_no_get_is_lost_where_idle_connections_end_at_random() -> None:
    wrk = program("wrk")
    admin = free_port()
    with closing_backend() as backend, live_proxy(forward_to(backend.port), options=("--admin", f"127.0.0.1:{admin}")) as proxy:
        done = 0
        while done < REQUESTS:
            command = [wrk, "-t", "1", "-c", "16", "-d", f"{SECONDS}s", "--timeout", "20s", f"http://127.0.0.1:{proxy.port}/"]
            shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS + PATIENCE).stdout
            assert "Non-2xx" not in shown, shown
            assert "Socket errors" not in shown, shown
            found = re.search(r"(\d+) requests in", shown)
            assert found is not None, shown
            done += int(found[1])
        with urllib.request.urlopen(f"http://127.0.0.1:{admin}/stats/prometheus", timeout=PATIENCE) as page:
            counted = _SENT_AGAIN.search(page.read().decode())
        assert counted is not None
        # That nothing was lost means nothing unless requests and ends have crossed.
        sys.stdout.write(f"{done} requests, {backend.closed} connections closed, {counted[1]} requests sent again\n")
        assert backend.closed > done / 20
        assert float(counted[1]) > 0
