"""Asks every replica of a cluster's control at once, by commands that kubectl runs in their pods.

Who may do that is the API server's business: it takes the right to `create` on `pods/exec` in control's namespace.
"""

import contextlib
import re
import subprocess
from collections.abc import AsyncGenerator, Sequence
from typing import Final, NamedTuple, TypeVar

import msgspec
import trio

from hauberk_control.local.client import ControlAway, ControlConnection
from hauberk_control.local.messages import AskProgress, AskProxies, Progress, Proxies, ProxyRow, Request
from hauberk_core.pod import CONTROL_NAME, control_name

_AnswerT = TypeVar("_AnswerT", bound=msgspec.Struct)

_KUBECTL: Final = "kubectl"
_RELAY: Final = ("python", "-m", "hauberk_control.local")
# More replicas than anybody runs: each is a process here.
_MOST_REPLICAS: Final = 16
# Of what kubectl says when it fails.
_LARGEST_MESSAGE: Final = 4096
# As Kubernetes' programs write into their logs: a letter for how grave it is, month and day.
_LOG_LINE: Final = re.compile(r"[IWEF]\d{4} ")


class _Metadata(msgspec.Struct):
    name: str
    namespace: str


class _Pod(msgspec.Struct):
    metadata: _Metadata


class _Pods(msgspec.Struct):
    items: list[_Pod]


class _Replica(NamedTuple):
    name: str
    namespace: str


class ClusterConnection:
    """The replicas of one control, the one that leads first."""

    def __init__(self, replicas: Sequence[ControlConnection]) -> None:
        self._replicas: Final = replicas

    async def ask(self, request: Request, expected: type[_AnswerT]) -> _AnswerT:
        """Proxies are asked for at each replica, because each has its own; all else at the one that leads.

        Raises: ControlRefused, ControlAway.
        """
        asked = self._replicas if isinstance(request, AskProxies | AskProgress) else self._replicas[:1]
        return _joined([await replica.ask(request, expected) for replica in asked])


def _joined(answers: Sequence[_AnswerT]) -> _AnswerT:
    """Everybody's proxies, and of all else what the first one says."""
    first = answers[0]
    told = [answer for answer in answers if isinstance(answer, Proxies | Progress)]
    if not told:
        return first
    joined = msgspec.structs.replace(first, proxies=_by_role_and_name([proxy for answer in told for proxy in answer.proxies]))
    if not isinstance(joined, Progress):
        return joined
    # A replica may not know yet of proxies that another one serves.
    lists = [answer.absent for answer in told if isinstance(answer, Progress)]
    return msgspec.structs.replace(joined, absent=[one for one in joined.absent if all(one in absent for absent in lists)])


def _by_role_and_name(proxies: Sequence[ProxyRow]) -> list[ProxyRow]:
    return sorted(proxies, key=lambda proxy: (proxy.role, proxy.namespace, proxy.name))


@contextlib.asynccontextmanager
async def open_cluster_connection(revision: str) -> AsyncGenerator[ClusterConnection, None]:
    """Connect to every replica of a revision's control, until the end of the block. Raises: ControlAway."""
    replicas = await _find_replicas(revision)
    async with contextlib.AsyncExitStack() as stack:
        yield ClusterConnection([await stack.enter_async_context(_open_replica(replica)) for replica in replicas])


async def _find_replicas(revision: str) -> list[_Replica]:
    selector = f"app={CONTROL_NAME},hauberk.dev/rev={revision}"
    found = await _kubectl("get", "pods", "-A", "-l", selector, "--field-selector", "status.phase=Running", "-o", "json")
    try:
        pods = msgspec.json.decode(found, type=_Pods).items
    except msgspec.MsgspecError as error:
        raise ControlAway(f"kubectl's answer cannot be read: {error}") from error
    replicas = [_Replica(pod.metadata.name, pod.metadata.namespace) for pod in pods[:_MOST_REPLICAS]]
    if not replicas:
        raise ControlAway(f"no pod of a control of revision {revision} runs in this cluster")
    leader = await _find_leader(replicas[0].namespace, revision)
    return sorted(replicas, key=lambda replica: (replica.name != leader, replica))


async def _find_leader(namespace: str, revision: str) -> str:
    """The pod that holds the Lease; empty if none does just now."""
    path = "jsonpath={.spec.holderIdentity}"
    return (await _kubectl("get", "lease", "-n", namespace, control_name(revision), "--ignore-not-found", "-o", path)).decode()


async def _kubectl(*words: str) -> bytes:
    """Run kubectl. Raises: ControlAway, with its own words."""
    try:
        done = await trio.run_process([_KUBECTL, *words], capture_stdout=True, capture_stderr=True, check=False)
    except OSError as error:
        raise _no_kubectl(error) from error
    if done.returncode != 0:
        raise ControlAway(f"kubectl says: {_words(done.stderr)}")
    return done.stdout


@contextlib.asynccontextmanager
async def _open_replica(replica: _Replica) -> AsyncGenerator[ControlConnection, None]:
    command = [_KUBECTL, "exec", "-i", "-n", replica.namespace, replica.name, "-c", "control", "--", *_RELAY]
    try:
        process = await trio.lowlevel.open_process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as error:
        raise _no_kubectl(error) from error
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    connection = ControlConnection(trio.StapledStream(process.stdin, process.stdout))
    try:
        yield connection
    except ControlAway as error:
        process.terminate()
        said = _words(await process.stderr.receive_some(_LARGEST_MESSAGE))
        raise ControlAway(f"{replica.name}: {said or error}") from error
    finally:
        await connection.close()
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()
            await process.stderr.aclose()


def _no_kubectl(error: OSError) -> ControlAway:
    return ControlAway(f"kubectl cannot be run: {error.strerror}; install it, and put it on the PATH")


def _words(output: bytes | bytearray) -> str:
    """What a program said; without the lines of its log, where it said anything else."""
    text = bytes(output[:_LARGEST_MESSAGE]).decode(errors="replace").strip()
    return "\n".join([line for line in text.splitlines() if not _LOG_LINE.match(line)]) or text
