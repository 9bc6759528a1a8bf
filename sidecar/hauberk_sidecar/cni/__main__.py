"""`python -m hauberk_sidecar.cni`: the agent of one node, as the chart's DaemonSet `hauberk-cni` runs it."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import trio

from hauberk_core.agent.logs import LOG, configure_logging
from hauberk_core.pod import CONTROL_NAMESPACE, NODE_NAME, POD_NAMESPACE
from hauberk_sidecar.cni.api_server import ApiServer
from hauberk_sidecar.cni.installation import is_removed
from hauberk_sidecar.cni.node import ClusterView, NodeAgent, NodeFolders
from hauberk_sidecar.cni.pods import Pods

EXIT_FAILED = 1
EXIT_USAGE = 2


def parser() -> argparse.ArgumentParser:
    """The program's arguments."""
    arguments = argparse.ArgumentParser(
        prog="python -m hauberk_sidecar.cni",
        description="Set up capture in the pods that start on this node, in place of their init containers.",
        allow_abbrev=False,
    )
    add = arguments.add_argument
    add("--configuration", type=Path, default=Path("/etc/cni/net.d"), metavar="FOLDER", help="of the node's chain of plugins")
    add("--programs", type=Path, default=Path("/opt/cni/bin"), metavar="FOLDER", help="of the node's plugins")
    add("--run", type=Path, default=Path("/run/hauberk-cni"), metavar="FOLDER", help="of requests; the same path on the node")
    add("--proc", type=Path, default=Path("/host/proc"), metavar="FOLDER", help="of the node's processes")
    add("--daemon-set", default="hauberk-cni", metavar="NAME", help="that keeps this agent running")
    add("--never", default=f"kube-system,{CONTROL_NAMESPACE}", metavar="NAMESPACES", help="whose pods are left alone")
    return arguments


async def serve(agent: NodeAgent) -> None:
    """Work until SIGTERM or SIGINT."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            await nursery.start(agent.run)
            LOG.info("ready: the node's next pod is looked after")
            async for _ in signals:
                nursery.cancel_scope.cancel()


def main(arguments: Sequence[str]) -> int:
    """Run. Returns: the process's exit status."""
    found = parser().parse_args(arguments)
    configure_logging()
    try:
        api, node, namespace = ApiServer(), os.environ[NODE_NAME], os.environ[POD_NAMESPACE]
    except KeyError as error:
        sys.stderr.write(f"hauberk-cni: {error} is not set; this program belongs into a pod of the cluster\n")
        return EXIT_USAGE
    never = tuple([name for name in found.never.split(",") if name])
    pods = Pods(api)
    cluster = ClusterView(pods.get, partial(pods.of_node, node), partial(is_removed, api, namespace, found.daemon_set))
    agent = NodeAgent(NodeFolders(found.configuration, found.programs, found.run, found.proc), never, cluster)
    try:
        agent.prepare()
    except OSError as error:
        sys.stderr.write(f"hauberk-cni: {error}; the DaemonSet mounts the node's folders for it to write\n")
        return EXIT_FAILED
    trio.run(serve, agent)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
