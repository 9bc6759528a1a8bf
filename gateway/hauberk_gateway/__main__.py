"""`python -m hauberk_gateway BOOTSTRAP`: runs the gateway that a bootstrap document describes."""

import sys
from pathlib import Path

from hauberk_core.agent.bootstrap import BootstrapError, read_bootstrap
from hauberk_core.agent.mesh import run_mesh_agent


def main() -> int:
    """Returns: the exit status."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m hauberk_gateway BOOTSTRAP.json\n")
        return 2
    try:
        bootstrap = read_bootstrap(Path(sys.argv[1]))
    except BootstrapError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return run_mesh_agent(bootstrap)


if __name__ == "__main__":
    sys.exit(main())
