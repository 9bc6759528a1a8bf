"""`python -m hauberk_gateway BOOTSTRAP`: runs the gateway that a bootstrap document describes."""

import sys

from hauberk_core.agent.mesh import run_role

if __name__ == "__main__":
    sys.exit(run_role("hauberk_gateway"))
