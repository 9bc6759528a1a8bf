"""`python -m hauberk_sidecar BOOTSTRAP`: runs the sidecar that a bootstrap document describes."""

import sys

from hauberk_core.agent.mesh import run_role

if __name__ == "__main__":
    sys.exit(run_role("hauberk_sidecar"))
