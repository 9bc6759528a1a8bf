"""`python -m hauberk_sidecar [BOOTSTRAP]`: runs the sidecar of a bootstrap document, or without one that of this pod."""

import sys

from hauberk_core.agent.mesh import run_role
from hauberk_core.agent.pod.run import run_pod_agent

if __name__ == "__main__":
    sys.exit(run_role("hauberk_sidecar", lambda: run_pod_agent("sidecar")))
