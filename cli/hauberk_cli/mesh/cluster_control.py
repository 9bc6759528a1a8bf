"""Runs control of a cluster in this process."""

import os
from pathlib import Path
from typing import Final

import trio

from hauberk_cli.errors import CommandError
from hauberk_cli.exit_codes import OK
from hauberk_cli.mesh.control import read_leeway, read_validity, until_told_to_end
from hauberk_cli.mesh.first_error import first_error
from hauberk_control.bridge import BindFailed
from hauberk_control.ca.errors import AuthorityError
from hauberk_control.cluster.control import ClusterOptions, open_cluster
from hauberk_control.kubernetes.errors import NoCluster
from hauberk_control.local.client import MESH_VARIABLE
from hauberk_control.local.server import LocalSocketError
from hauberk_control.proxy_settings import ProxySettings, read_settings
from hauberk_core.agent.identity.private_file import PrivateFileError
from hauberk_core.agent.logs import configure_logging
from hauberk_core.agent.sockets import BindError
from hauberk_core.garbage import settle
from hauberk_core.model.errors import ConfigErrors
from hauberk_core.pod import CONTROL_NAMESPACE, POD_NAME, POD_NAMESPACE

# What keeps control from starting, and what its user can do something about.
_MISTAKES: Final = (LocalSocketError, NoCluster, BindFailed, BindError, AuthorityError, PrivateFileError, OSError)


def run_cluster_control(
    *, kubeconfig: str, revision: str, settings: Path | None, trust_domain: str, validity: str, clock_leeway: str
) -> int:
    """Serve until SIGTERM or Ctrl-C. Args: settings - a file that says how proxies are run. Returns: the exit code."""
    options = ClusterOptions(
        kubeconfig=kubeconfig,
        namespace=os.environ.get(POD_NAMESPACE, CONTROL_NAMESPACE),
        replica=os.environ.get(POD_NAME, ""),
        revision=revision,
        mesh=Path(mesh).resolve() if (mesh := os.environ.get(MESH_VARIABLE)) else None,
        trust_domain=trust_domain,
        validity_seconds=read_validity(validity),
        clock_leeway_seconds=read_leeway(clock_leeway),
        proxies=_read_settings(settings) if settings is not None else ProxySettings(revision=revision, trust_domain=trust_domain),
    )
    configure_logging()
    try:
        trio.run(_serve, options)
    except* _MISTAKES as group:
        raise CommandError(str(first_error(group, _MISTAKES)), "kubectl auth whoami") from None
    return OK


def _read_settings(path: Path) -> ProxySettings:
    try:
        return read_settings(path.read_bytes(), str(path))
    except ConfigErrors as refused:
        message = "\n".join([str(error) for error in refused.errors])
        raise CommandError(message, "hauberk install --render shows what the chart writes there") from None


async def _serve(options: ClusterOptions) -> None:
    control = await open_cluster(options)

    async def serve() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(control.run)
            settle()

    await until_told_to_end(serve)
