"""Pages of the documentation that are about a cluster: their files, and their commands as they stand."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from cluster_shop import image
from kubectl import Done

_PATIENCE_SECONDS: Final = 300.0
_SHOWN_IMAGES: Final = re.compile(r"registry\.example\.org/mesh/([a-z-]+):0\.1\.0")


def with_our_images(text: str) -> str:
    """What a page says, with the images that are to be tested."""
    return _SHOWN_IMAGES.sub(lambda shown: image(shown[1]), text)


def write_files(page: str, folder: Path) -> None:
    """Keep the page's files, whose first line has their name. Args: page - its text."""
    for name, text in re.findall(r"```yaml\n# (\S+)\n(.*?)```", page, re.DOTALL):
        (folder / name).write_text(with_our_images(text))


def run(*words: str, folder: Path | None = None) -> Done:
    """Run a program; `hauberk` is the one that is tested."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False, cwd=folder, env=environment
    )
    return Done(done.returncode, done.stdout, done.stderr)


def type_in(commands: str, folder: Path) -> str:
    """Type lines of a page, where its files are. Returns: what they print; fails where one of them does."""
    done = run("bash", "-ec", with_our_images(commands), folder=folder)
    assert done.code == 0, f"{commands}\n{done.out}{done.err}"
    return done.out
