"""Where a mesh on this machine keeps what must outlive a process."""

from pathlib import Path

from hauberk_control.local.messages import FOLDER_NAME


def private_folder(path: Path) -> Path:
    """Make `path`, for its owner alone. Raises: OSError."""
    path.mkdir(mode=0o700, exist_ok=True)
    path.chmod(0o700)
    return path


def proxy_folder(mesh: Path, role: str, namespace: str, name: str) -> Path:
    """A proxy's own folder: identity, last good configuration, bootstrap document, log. Raises: OSError."""
    proxies = private_folder(private_folder(mesh / FOLDER_NAME) / "proxies")
    return private_folder(proxies / f"{role}.{namespace}.{name}")
