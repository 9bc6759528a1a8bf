"""hauberk in a cluster by Helm, as users install it."""

import os
import subprocess
from pathlib import Path
from typing import Final

from kubectl import Done

NAMESPACE: Final = "hauberk-system"
RELEASE: Final = "hauberk"
_PATIENCE: Final = 300


def helm(*arguments: str) -> Done:
    """Run helm."""
    done = subprocess.run(["helm", *arguments], capture_output=True, text=True, timeout=_PATIENCE + 30, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def release(repository: Path, *settings: str) -> Done:
    """Install the chart, or change what is installed, with the images that `make e2e` says; returns when it is rolled out.

    Args: settings - values, as `--set` takes them; those that are not given are the chart's own.
    """
    registry, tag = os.environ.get("HAUBERK_IMAGE_REGISTRY", "localhost"), os.environ.get("HAUBERK_IMAGE_TAG", "dev")
    values = [f"image.registry={registry}", f"image.tag={tag}", *settings]
    words = [word for value in values for word in ("--set", value)]
    chart = str(repository / "deploy" / "charts" / "hauberk")
    where = ("-n", NAMESPACE, "--create-namespace", "--wait", "--timeout", f"{_PATIENCE}s")
    return helm("upgrade", "--install", RELEASE, chart, *where, *words)
