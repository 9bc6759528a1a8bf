"""Becomes another program, which finds descriptors where sd_listen_fds(3) looks for them: from 3 on, with its own process number.

    python -I -S pass_descriptors.py 9,7,12 PROGRAM ARGUMENT...

A program of its own, because LISTEN_PID can be known, and descriptors be moved, only in the process that is to have them. Their
names are in LISTEN_FDNAMES already.
"""

import fcntl
import os
import sys
from typing import Final

_FIRST_DESCRIPTOR: Final = 3


def main(numbers: str, command: list[str]) -> None:
    """Move the descriptors, and become the program. Raises: OSError if that is impossible."""
    passed = [int(number) for number in numbers.split(",") if number]
    beyond = _FIRST_DESCRIPTOR + len(passed)
    # Twice, because the place of one may still be taken by another.
    high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, beyond) for descriptor in passed]
    for index, descriptor in enumerate(high):
        os.dup2(descriptor, _FIRST_DESCRIPTOR + index)
    for descriptor in passed:
        if descriptor >= beyond:
            os.close(descriptor)
    os.environ["LISTEN_PID"] = str(os.getpid())
    os.environ["LISTEN_FDS"] = str(len(passed))
    os.execvp(command[0], command)  # noqa: S606 - that is what this program is for


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
