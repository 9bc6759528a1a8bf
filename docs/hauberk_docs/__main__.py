"""`python -m hauberk_docs`: write every generated page anew."""

import sys
from pathlib import Path
from typing import Final

from hauberk_docs.pages import pages

REFERENCE: Final = Path(__file__).parents[1] / "reference"


def main() -> int:
    """Write the pages that differ, and name them."""
    for name, text in pages().items():
        page = REFERENCE / name
        if not page.exists() or page.read_text() != text:
            page.write_text(text)
            sys.stdout.write(f"{page}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
