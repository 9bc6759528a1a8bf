"""Capture in a network that is another pod's: what the pod asks for, and the program that brings it about there."""

import sys
from typing import Final

import msgspec
import trio

from hauberk_core.pod import CAPTURE_ANNOTATION
from hauberk_sidecar.capture import iptables, nftables
from hauberk_sidecar.capture.install import InstallError, choose_program
from hauberk_sidecar.cni.pods import Pod
from hauberk_sidecar.cni.requests import TRY_AGAIN

_WRONG_CONFIGURATION: Final = 7
# Of a message of a program that failed.
_MOST_TOLD: Final = 500


class CaptureFailed(Exception):
    """Capture cannot be set up; the message says why. `code` is the specification's."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code: Final = code


def asked_capture(pod: Pod) -> list[str] | None:
    """The arguments of capture that the pod's annotation has; None: it wants none. Raises: CaptureFailed."""
    text = pod.annotations.get(CAPTURE_ANNOTATION)
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=list[str])
    except msgspec.DecodeError as error:
        message = (
            f"the annotation {CAPTURE_ANNOTATION} is no JSON list of texts ({error}); injection writes it, leave it as it is"
        )
        raise CaptureFailed(message, _WRONG_CONFIGURATION) from error


async def set_up_capture(network: str | int, arguments: list[str]) -> None:
    """Install the rules. Args: network - a network namespace's path, or a descriptor of it. Raises: CaptureFailed."""
    status, said = await _run_in(network, [sys.executable, "-m", "hauberk_sidecar.capture", *arguments])
    if status:
        raise CaptureFailed(said or f"capture ends with status {status}", TRY_AGAIN)


async def is_captured(network: str | int) -> bool:
    """Whether there are rules of ours. Raises: CaptureFailed."""
    try:
        program = choose_program()
    except InstallError as error:
        raise CaptureFailed(str(error), TRY_AGAIN) from error
    if program == "nft":
        status, _ = await _run_in(network, nftables.SHOW.split())
        return status == 0
    source, target = iptables.JUMPS[0]
    status, _ = await _run_in(network, ["iptables", "--wait", "-t", "nat", "-C", source, "-p", "tcp", "-j", target])
    return status == 0


async def _run_in(network: str | int, command: list[str]) -> tuple[int, str]:
    """Run a program in a network. Returns: its status, and what it said of a failure. Raises: CaptureFailed."""
    path, descriptors = (network, ()) if isinstance(network, str) else (f"/proc/self/fd/{network}", (network,))
    entering = ["nsenter", f"--net={path}", "--", *command]
    try:
        ended = await trio.run_process(entering, capture_stdout=True, capture_stderr=True, check=False, pass_fds=descriptors)
    except OSError as error:
        raise CaptureFailed(f"nsenter does not run: {error}", TRY_AGAIN) from error
    return ended.returncode, ended.stderr.decode(errors="replace").strip()[-_MOST_TOLD:]
