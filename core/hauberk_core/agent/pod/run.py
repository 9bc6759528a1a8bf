"""Runs a proxy in a pod, which takes everything from its environment."""

from pathlib import Path
from typing import Final

from hauberk_core.agent.agent import EXIT_FAILED, run_agent
from hauberk_core.agent.bootstrap import BootstrapError
from hauberk_core.agent.logs import LOG, configure_logging
from hauberk_core.agent.mesh import mesh_options, mesh_source
from hauberk_core.agent.pod.companion import PodCompanion
from hauberk_core.agent.pod.environment import read_environment, root_file, token_file
from hauberk_core.agent.pod.proof import ServiceAccountTokens

# A gateway that ends is still sent new connections until every node has heard of it. A sidecar ends after its application, to
# which nobody connects any more.
LINGER_SECONDS: Final = {"gateway": 5.0, "sidecar": 0.0}


def run_pod_agent(role: str, root: Path = Path("/")) -> int:
    """Run it until SIGTERM.

    Args: role - `gateway` or `sidecar`; root - below which the pod's files are. Returns: the process's exit status.
    """
    configure_logging()
    try:
        environment = read_environment(role, root=root)
        bootstrap = environment.bootstrap
        Path(bootstrap.state).mkdir(mode=0o700, parents=True, exist_ok=True)
        tokens = ServiceAccountTokens(token_file(root), root_file(root))
        source = mesh_source(bootstrap, new_token=tokens.get)
    except (BootstrapError, OSError) as error:
        LOG.error("%s", error)
        return EXIT_FAILED
    options = mesh_options(bootstrap)._replace(
        companion=PodCompanion(environment),
        drain_seconds=environment.drain_seconds,
        linger_seconds=LINGER_SECONDS[role],
    )
    return run_agent(source, options)
