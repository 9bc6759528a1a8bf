"""Carries requests from standard input to the control that is served here, and its answers back, a line each.

`hauberk --kubernetes` runs it in control's pod: there is no way to the local socket but to be where it is.
"""

import socket
import sys
from typing import BinaryIO

from hauberk_control.local.client import ControlAway, find_mesh
from hauberk_control.local.messages import FOLDER_NAME, LARGEST_LINE, SOCKET_NAME


def relay(requests: BinaryIO, answers: BinaryIO) -> None:
    """Until either side ends. Raises: ControlAway, OSError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
        control.connect(str(find_mesh(None) / FOLDER_NAME / SOCKET_NAME))
        with control.makefile("rb") as told:
            while request := requests.readline(LARGEST_LINE):
                control.sendall(request)
                answer = told.readline(LARGEST_LINE + 1)
                if not answer:
                    return
                answers.write(answer)
                answers.flush()


if __name__ == "__main__":
    try:
        relay(sys.stdin.buffer, sys.stdout.buffer)
    except (ControlAway, OSError) as error:
        sys.exit(f"control cannot be asked here: {error}")
