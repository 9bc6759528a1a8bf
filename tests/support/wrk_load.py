"""A mix of requests by wrk, at a rate of one's choice, and what became of them."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from faulty_endpoints import EXPLAINED
from live_proxy import PATIENCE
from programs import find_program

_SCRIPT: Final = """
local threads = {{}}
local explained = {{{explained}}}
function setup(thread) table.insert(threads, thread) end
function init(args)
  count = 0; unexpected = 0; faults = 0; what = ""
  pause = tonumber(args[1]); body = string.rep("x", 3000)
end
function delay() return pause end
function request()
  count = count + 1
  if count % 100 == 3 then return wrk.format("GET", "/breaking") end
  if count % 100 == 4 then return wrk.format("GET", "/leaving") end
  if count % 10 == 0 then return wrk.format("POST", "/upload", nil, body) end
  if count % 10 == 1 then return wrk.format("GET", "/missing") end
  if count % 10 == 5 then return wrk.format("GET", "/http2") end
  if count % 50 == 2 then return wrk.format("GET", "/", {{Connection = "close"}}) end
  return wrk.format("GET", "/")
end
function response(status, headers)
  local reason = headers["hauberk-reason"]
  if status == 200 or (status == 404 and not reason) then return end
  local found = status .. " " .. (reason or "without a reason")
  if explained[found] then faults = faults + 1 else unexpected = unexpected + 1; what = found end
end
function done(summary)
  local bad, good = 0, 0
  for _, thread in ipairs(threads) do
    bad = bad + thread:get("unexpected")
    good = good + thread:get("faults")
    if thread:get("what") ~= "" then io.write("UNEXPLAINED " .. thread:get("what") .. "\\n") end
  end
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d %d\\n", summary.requests, good, bad, e.connect, e.read, e.write, e.timeout))
end
"""


class WrkResult(NamedTuple):
    """What one wrk saw."""

    requests: int
    faults: int
    """Answers that a fault explains which somebody made."""
    unexpected: int
    """Other answers that are not 200, or 404 for what does not exist."""
    connect: int
    read: int
    write: int
    timeout: int

    def broken(self) -> int:
        """How often a connection failed its client."""
        return self.connect + self.read + self.write + self.timeout


class WrkLoad:
    """A wrk for each of some addresses, which run from the start on."""

    def __init__(self, urls: Sequence[str], folder: Path, connections: int, seconds: float, pause: float) -> None:
        """Start. Args: folder - for the script; connections - to each; pause - seconds between two requests on a connection."""
        script = folder / "mix.lua"
        script.write_text(_SCRIPT.format(explained=", ".join(f'["{answer}"] = true' for answer in EXPLAINED)))
        wrk = find_program("wrk")
        assert wrk is not None
        self._seconds: Final = max(1, round(seconds))
        command = [wrk, "-t", "1", "-c", str(connections), "-d", f"{self._seconds}s", "--timeout", "20s", "-s", str(script)]
        self._running: Final = [
            subprocess.Popen(
                [*command, url, "--", str(round(pause * 1000))], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            for url in urls
        ]

    def result(self) -> WrkResult:
        """Wait for the end. Returns: the sums of all."""
        return WrkResult(*map(sum, zip(*[self._result_of(process) for process in self._running], strict=True)))

    def _result_of(self, process: "subprocess.Popen[str]") -> WrkResult:
        shown, _ = process.communicate(timeout=self._seconds + PATIENCE)
        for line in shown.splitlines():
            if line.startswith("UNEXPLAINED "):
                sys.stdout.write(line + "\n")
            elif line.startswith("RESULT "):
                return WrkResult(*map(int, line.split()[1:]))
        raise AssertionError(f"wrk said nothing of its result:\n{shown}")
