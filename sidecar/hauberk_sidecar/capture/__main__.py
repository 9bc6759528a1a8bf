"""`python -m hauberk_sidecar.capture`: the init container's program. It installs the capture rules and ends.

Every setting is a list with commas; `*` means all. The names, and what they mean together, are those of Istio's annotations
`traffic.sidecar.istio.io/includeInboundPorts` and so on.
"""

import argparse
import sys
from collections.abc import Sequence

from hauberk_core.pod import INBOUND_PORT, OUTBOUND_PORT, PROXY_UID
from hauberk_sidecar.capture.install import InstallError, choose_program, install, preview
from hauberk_sidecar.capture.settings import (
    Capture,
    SettingError,
    read_ports,
    read_ports_or_all,
    read_ranges,
    read_ranges_or_all,
    read_user,
)

EXIT_FAILED = 1
EXIT_USAGE = 2


def parser() -> argparse.ArgumentParser:
    """The program's arguments."""
    arguments = argparse.ArgumentParser(
        prog="python -m hauberk_sidecar.capture",
        description=f"Lead a pod's TCP connections to its proxy: inbound ones to port {INBOUND_PORT}, outbound ones to "
        f"{OUTBOUND_PORT}.",
        allow_abbrev=False,
    )
    add = arguments.add_argument
    add("--inbound-ports", default="*", metavar="PORTS", help="captured on their way in; default: * (all)")
    add("--exclude-inbound-ports", default="", metavar="PORTS", help="left alone where all are captured")
    add("--outbound-ports", default="", metavar="PORTS", help="captured on their way out wherever they lead")
    add("--exclude-outbound-ports", default="", metavar="PORTS", help="left alone on their way out")
    add("--outbound-ranges", default="*", metavar="CIDRS", help="destinations that are captured; default: * (all)")
    add("--exclude-outbound-ranges", default="", metavar="CIDRS", help="destinations that are left alone")
    add("--uid", default=str(PROXY_UID), metavar="UID", help="user and group of the proxy, which are left alone")
    add("--dry-run", action="store_true", help="print the rules and change nothing")
    return arguments


def read_capture(arguments: Sequence[str]) -> tuple[Capture, bool]:
    """What the arguments ask for, and whether only to print it. Raises: SettingError; SystemExit for an unknown word."""
    found = parser().parse_args(arguments)
    capture = Capture(
        inbound_ports=read_ports_or_all("--inbound-ports", found.inbound_ports),
        exclude_inbound_ports=read_ports("--exclude-inbound-ports", found.exclude_inbound_ports),
        outbound_ports=read_ports("--outbound-ports", found.outbound_ports),
        exclude_outbound_ports=read_ports("--exclude-outbound-ports", found.exclude_outbound_ports),
        outbound_ranges=read_ranges_or_all("--outbound-ranges", found.outbound_ranges),
        exclude_outbound_ranges=read_ranges("--exclude-outbound-ranges", found.exclude_outbound_ranges),
        user=read_user("--uid", found.uid),
    )
    return capture, bool(found.dry_run)


def main(arguments: Sequence[str]) -> int:
    """Install, or print. Returns: the process's exit status."""
    try:
        capture, only_print = read_capture(arguments)
        program = choose_program()
        if only_print:
            sys.stdout.write(preview(capture, program))
        else:
            for line in install(capture, program):
                sys.stdout.write(f"capture: {line}\n")
    except SettingError as error:
        sys.stderr.write(f"capture: {error}\n")
        return EXIT_USAGE
    except InstallError as error:
        sys.stderr.write(f"capture: {error}\n")
        return EXIT_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
