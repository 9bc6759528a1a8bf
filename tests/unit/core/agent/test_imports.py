"""What the agent of a mesh's proxy loads: it stands beside each workload, so that every MiB counts."""

import subprocess
import sys
from typing import Final

# What belongs to workers, to control, to commands, or to what a proxy is asked for only now and then.
IN_VAIN: Final = (
    "click",
    "csv",
    "email.message",
    "http.server",
    "importlib.metadata",
    "kubernetes",
    "opentelemetry",
    "pluggy",
    "prometheus_client",
    "re2",
    "urllib.request",
    "yaml",
    "zipfile",
)
# The road of a request, and what stands on it.
PROXY: Final = ("http.machine", "net.loop", "plugin.filters", "plugin.host", "proxy", "route", "upstream", "worker")
# Half of them are grpc's, cryptography's and trio's own; these vary with their versions, but not by a fifth.
MOST_MODULES: Final = 590


def loaded() -> set[str]:
    script = "import sys, hauberk_core.agent.mesh; print(' '.join(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    return set(ended.stdout.split())


def test_an_agent_loads_nothing_in_vain() -> None:
    modules = loaded()
    assert "grpc" in modules
    assert sorted(modules.intersection(IN_VAIN)) == []
    assert sorted(modules.intersection(f"hauberk_core.{name}" for name in PROXY)) == []
    assert len(modules) < MOST_MODULES
