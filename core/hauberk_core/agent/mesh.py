"""The agent of a mesh's proxy: who it is and what it serves, it has from control."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from hauberk_core.agent.agent import EXIT_FAILED, Agent, run_agent
from hauberk_core.agent.bootstrap import Bootstrap, BootstrapError, read_bootstrap
from hauberk_core.agent.discovery.source import DiscoverySettings, DiscoverySource
from hauberk_core.agent.grpc_bridge import AsyncioThread
from hauberk_core.agent.identity.client import CertificateClient, GrpcCertificateClient
from hauberk_core.agent.identity.external import ExternalAuthorityClient
from hauberk_core.agent.identity.keep import IdentitySettings, NewToken, keep_identity
from hauberk_core.agent.identity.proof import ParentTokens
from hauberk_core.agent.identity.workload import WorkloadIdentity
from hauberk_core.agent.logs import LOG, configure_logging
from hauberk_core.agent.options import AgentOptions
from hauberk_core.entry_points import find_entry_points
from hauberk_core.plugin.installed import DATA, switched_off


def run_role(module: str, run_in_pod: Callable[[], int]) -> int:
    """Run the proxy whose bootstrap document the command line names, or without one that of this pod: the main of a role.

    Args: module - how the role is started, for the usage line; run_in_pod - runs a proxy that takes everything from its pod.
    Returns: the exit status.
    """
    if len(sys.argv) > 2:
        sys.stderr.write(f"usage: python -m {module} [BOOTSTRAP.json]\n")
        return 2
    if len(sys.argv) < 2:
        return run_in_pod()
    try:
        path = Path(sys.argv[1])
        bootstrap = read_bootstrap(path)
    except BootstrapError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return run_mesh_agent(bootstrap, path)


def run_mesh_agent(
    bootstrap: Bootstrap,
    path: Path | None = None,
    options: AgentOptions | None = None,
    started: Callable[[Agent], None] | None = None,
) -> int:
    """Run a proxy of a mesh until SIGTERM or Ctrl-C.

    It joins with the token, or goes on with the identity and the configuration that its state folder holds. Control may be away
    at any time and for any time: what is in force serves on.

    Args: path - of the document, where further join tokens appear; options - instead of those that follow from the document;
    started - called when all workers serve the first configuration.
    Returns: the process's exit status.
    """
    try:
        source = mesh_source(bootstrap, path)
    except BootstrapError as error:
        configure_logging()
        LOG.error("%s", error)
        return EXIT_FAILED
    return run_agent(source, options or mesh_options(bootstrap), started)


def mesh_options(bootstrap: Bootstrap) -> AgentOptions:
    """How the agent is to run, by the bootstrap document."""
    return AgentOptions(workers=bootstrap.workers, admin=bootstrap.admin, service_name=bootstrap.name)


def mesh_source(bootstrap: Bootstrap, path: Path | None = None, new_token: NewToken | None = None) -> DiscoverySource:
    """The source of this proxy's configuration, and of its identity.

    Args: path - of the document, where further join tokens appear; None: there are none; new_token - gets them elsewhere.
    Raises: BootstrapError.
    """
    state = Path(bootstrap.state)
    settings = IdentitySettings(
        spiffe_id=bootstrap.spiffe_id(),
        role=bootstrap.role,
        name=bootstrap.name,
        root_pem=bootstrap.root.encode(),
        state_folder=state,
        join_token=bootstrap.join_token,
        validity_seconds=bootstrap.validity_seconds,
    )

    async def keep(thread: AsyncioThread, changed: Callable[[WorkloadIdentity], None]) -> None:
        client: CertificateClient = GrpcCertificateClient(thread, bootstrap.control, bootstrap.join)
        if bootstrap.authority and new_token is not None:
            client = ExternalAuthorityClient(thread, bootstrap.authority, new_token)
        further = new_token
        if further is None and path is not None and bootstrap.attended:
            further = ParentTokens(path, state, bootstrap.join_token).get
        await keep_identity(settings, client, changed, further)

    return DiscoverySource(
        DiscoverySettings(
            control=bootstrap.control,
            identity=str(settings.spiffe_id),
            node=bytes(bootstrap.node),
            state_folder=state,
            plugins=installed_plugins(),
        ),
        keep,
    )


def installed_plugins(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The data halves that workers find here, with their packages' versions; none of them is imported for it."""
    off = switched_off(environment)
    if "*" in off:
        return {}
    return {entry.name: entry.dist.version for entry in find_entry_points(DATA) if entry.name not in off}
