"""A stranger's environment: hauberk as it is tested here, and packages beside it that it knows nothing of."""

import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

_INSTALL_SECONDS: Final = 120.0


def environment(folder: Path) -> Path:
    """Make one in `folder`. Returns: its interpreter."""
    venv.create(folder, with_pip=False)
    executable = folder / "bin" / "python"
    [packages] = (folder / "lib").glob("python*/site-packages")
    # What is tested here is tested there: the checkout's sources, or the installed wheel.
    known = [path for path in sys.path if path and Path(path).is_dir() and not path.startswith(sys.base_prefix)]
    (packages / "everything.pth").write_text("\n".join(known) + "\n")
    return executable


def pip_install(python: Path) -> list[str]:
    """The command that installs what follows, with what is there and without the network."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python), "install", "--quiet"]
    return [*pip, "--no-deps", "--no-build-isolation", "--no-index"]


def install(python: Path, source: Path) -> None:
    """Install a package from its folder."""
    subprocess.run([*pip_install(python), str(source)], check=True, timeout=_INSTALL_SECONDS)
