"""Brings the rules into the kernel, with whichever of the two programs is there."""

import errno
import fcntl
import shutil
import socket
import struct
import subprocess
from pathlib import Path
from typing import Final

from hauberk_core.pod import INBOUND_SOURCES
from hauberk_sidecar.capture import iptables, nftables
from hauberk_sidecar.capture.settings import Capture

# A program that works takes milliseconds; one that waits for another's lock must not hold up a pod's start for ever.
_PATIENCE_SECONDS: Final = 30.0
_SIX: Final = Path("/proc/sys/net/ipv6")
# From linux/sockios.h and linux/ipv6.h: struct in6_ifreq is an address, the length of its prefix, and the device's index.
_SIOCSIFADDR: Final = 0x8916
_IN6_IFREQ: Final = struct.Struct("16sIi")
_EXPECTED: Final = frozenset({errno.EEXIST})
_NO_SIX: Final = frozenset({errno.EACCES, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.ENODEV, errno.EOPNOTSUPP})


class InstallError(Exception):
    """The rules are not installed; the message says why and what to do."""


def choose_program() -> str:
    """`nft`, or `iptables` where that is all there is. Raises: InstallError."""
    if shutil.which("nft"):
        return "nft"
    if shutil.which("iptables-restore"):
        return "iptables"
    raise InstallError("neither nft nor iptables-restore is on the PATH; install nftables in the init container's image")


def install(capture: Capture, program: str) -> list[str]:
    """Replace the rules of an earlier run by these. Returns: what was done, and how to see it, for a person.

    Raises: InstallError; rules of a family are then as they were before.
    """
    done = [_give_loopback_its_address()]
    if program == "nft":
        _run(["nft", "-f", "-"], nftables.render(capture))
        done.append(f"the table {nftables.TABLE} is installed, for IPv4 and IPv6; it shows with: {nftables.SHOW}")
        return done
    _install_iptables(capture, 4)
    done.append(f"iptables' rules are installed for IPv4; they show with: {iptables.SHOW[4]}")
    if _SIX.exists():
        _install_iptables(capture, 6)
        done.append(f"ip6tables' rules are installed for IPv6; they show with: {iptables.SHOW[6]}")
    else:
        done.append("this kernel has no IPv6: no rules are needed for it")
    return done


def preview(capture: Capture, program: str) -> str:
    """What `install` would give to the program, for a kernel that has no rules of ours yet."""
    if program == "nft":
        return nftables.render(capture)
    return "".join([iptables.render(capture, version, iptables.JUMPS) for version in (4, 6)])


def _install_iptables(capture: Capture, version: iptables.Version) -> None:
    command = "iptables" if version == 4 else "ip6tables"
    missing = [jump for jump in iptables.JUMPS if not _has_jump(command, jump)]
    _run([f"{command}-restore", "--noflush", "--wait"], iptables.render(capture, version, missing))


def _has_jump(command: str, jump: tuple[str, str]) -> bool:
    source, target = jump
    check = [command, "--wait", "-t", "nat", "-C", source, "-p", "tcp", "-j", target]
    try:
        return subprocess.run(check, capture_output=True, timeout=_PATIENCE_SECONDS, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"{command} does not run: {error}") from error


def _run(command: list[str], script: str) -> None:
    try:
        ended = subprocess.run(command, input=script, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"{command[0]} does not run: {error}") from error
    if ended.returncode:
        said = ended.stderr.strip() or "it does not say why"
        hint = ""
        if "not permitted" in said or "ermission denied" in said:
            hint = "; the init container needs the capability NET_ADMIN, and to run as root"
        raise InstallError(f"{command[0]} refuses the rules, nothing of them is in force{hint}: {said}")


def _give_loopback_its_address() -> str:
    """IPv6 has one loopback address where IPv4 has millions: give the device the one that calls to the workload come from.

    Raises: InstallError.
    """
    address = INBOUND_SOURCES[1]
    request = _IN6_IFREQ.pack(socket.inet_pton(socket.AF_INET6, address), 128, socket.if_nametoindex("lo"))
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            fcntl.ioctl(sock, _SIOCSIFADDR, request)
    except OSError as error:
        if error.errno in _NO_SIX:
            return "IPv6 is switched off here: the loopback device needs no further address"
        if error.errno not in _EXPECTED:
            raise InstallError(
                f"the loopback device cannot be given the address {address}: {error.strerror}; "
                "the init container needs the capability NET_ADMIN"
            ) from error
    return f"the loopback device has the address {address}"
