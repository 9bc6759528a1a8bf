"""The bench is run from the checkout and never installed, so tests find it by its place."""

import sys
from pathlib import Path

_ROOT = str(Path(__file__).resolve().parents[3])
if _ROOT not in sys.path:
    # Last, so that nothing of the checkout comes before what is installed.
    sys.path.append(_ROOT)
