"""Whether a wheel that was built before is of the sources as they are now: `same_sources.py WHEEL FRESH`.

FRESH is a plain wheel of the checkout, which takes seconds to build. A compiled one carries the sources that its extension
modules were compiled from, so that equal sources mean equal behaviour.
"""

import sys
import zipfile
from pathlib import Path
from typing import Final

_BUILT: Final = (".so", ".pyd", ".dist-info/RECORD", ".dist-info/WHEEL")
"""What differs between a compiled wheel and a plain one."""


def sources(wheel: Path) -> dict[str, int]:
    """The checksums of a wheel's files, but for those that depend on how it was built.

    Raises: OSError; zipfile.BadZipFile.
    """
    with zipfile.ZipFile(wheel) as archive:
        return {entry.filename: entry.CRC for entry in archive.infolist() if not entry.filename.endswith(_BUILT)}


def differing(wheel: Path, fresh: Path) -> list[str]:
    """The files that only one of two wheels has, or that are not the same in both."""
    one, other = sources(wheel), sources(fresh)
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def main(words: list[str]) -> int:
    """Returns: the exit status, 1 where they differ or are not to be had."""
    if len(words) != 2 or not all(Path(word).is_file() for word in words):
        sys.stderr.write(f"same_sources.py: two wheels are needed, not {' '.join(words)}. `make wheel` builds the first.\n")
        return 1
    found = differing(Path(words[0]), Path(words[1]))
    if found:
        sys.stderr.write(
            f"{words[0]} is not of this checkout: {len(found)} files differ, {found[0]} first. `make wheel` builds it again.\n"
        )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
