"""The demo's folder: the files of its mesh, for people to edit, and everything else it writes. It goes when the demo ends."""

import os
import shutil
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

CERTIFICATE_FILE: Final = "certificate.yaml"
CERTIFICATE_NAME: Final = "bookshop-tls"
"""What the gateway's certificate is called in gateway.yaml."""
_CERTIFICATE_TEXT: Final = """\
# The gateway's certificate, made on the spot; on a cluster cert-manager or its like keeps one.
apiVersion: v1
kind: Secret
metadata: {name: %(name)s}
type: kubernetes.io/tls
data:
  tls.crt: %(chain)s
  tls.key: %(key)s
"""


class FolderError(Exception):
    """The folder asked for cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class DemoFolder:
    """Names of the files in the folder `root`, which is the mesh's folder of resources."""

    root: Path

    @property
    def reviews_route(self) -> Path:
        """The resource that shares requests for reviews among its versions, there to be edited."""
        return self.root / "reviews-route.yaml"

    @property
    def authority(self) -> Path:
        """The certificate that the gateway's clients trust."""
        return self.root / "ca.pem"

    @property
    def addresses(self) -> Path:
        """Shell variables that say where the parts of the running demo are."""
        return self.root / "addresses.sh"

    def delay(self, program: str) -> Path:
        """Not there at first; as long as it is, a program of the bookshop answers as many seconds late as it says."""
        return self.root / f"{program}.delay"

    def log(self, program: str) -> Path:
        """What a program of the bookshop writes to its standard output and error."""
        return self.root / "logs" / f"{program}.log"


def write_files(folder: DemoFolder, *, with_logs: bool = True) -> None:
    """Write the mesh's resources, among them a certificate for the gateway that is made now.

    Args: with_logs - whether to make room for the logs of programs too.
    Raises: FolderError.
    """
    try:
        _write_files(folder)
        if with_logs:
            folder.log("").parent.mkdir(exist_ok=True)
    except OSError as error:
        raise FolderError(f"the demo's files cannot be written to {folder.root}: {error.strerror}") from error


def _write_files(folder: DemoFolder) -> None:
    """Raises: OSError."""
    # It takes a while to import what certificates are made with, and a mistake on the command line need not wait for it.
    from hauberk_cli.demo.certificates import make_certificates

    for manifest in resources.files("hauberk_bookshop").joinpath("manifests").iterdir():
        if manifest.name.endswith(".yaml"):
            (folder.root / manifest.name).write_bytes(manifest.read_bytes())
    made = make_certificates()
    folder.authority.write_bytes(made.authority)
    text = _CERTIFICATE_TEXT % {
        "name": CERTIFICATE_NAME,
        "chain": b64encode(made.chain).decode(),
        "key": b64encode(made.key).decode(),
    }
    _write_private(folder.root / CERTIFICATE_FILE, text)


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def new_folder(wanted: Path) -> DemoFolder:
    """Make the folder `wanted`, or take it if it is there and empty.

    Raises: FolderError; what is there is left untouched.
    """
    root = wanted.resolve()
    try:
        root.mkdir(parents=True, exist_ok=True)
        if any(root.iterdir()):
            raise FolderError(f"{root} is not empty; name a new or an empty folder, so that nothing of yours is lost")
    except OSError as error:
        raise FolderError(f"{root} cannot be the demo's folder: {error.strerror}") from error
    return DemoFolder(root)


@contextmanager
def demo_folder(wanted: Path | None, keep: bool) -> Iterator[DemoFolder]:
    """Make the folder, and remove it with everything in it at the end unless `keep`.

    Args: wanted - a path that does not exist yet or is an empty folder; None: a new one among the temporary files.
    Raises: FolderError if `wanted` cannot be used; what is there is left untouched.
    """
    if wanted is None:
        folder = DemoFolder(Path(tempfile.mkdtemp(prefix="hauberk-demo-")).resolve())
    else:
        folder = new_folder(wanted)
    try:
        yield folder
    finally:
        if not keep:
            remove_folder(folder.root)


def remove_folder(root: Path) -> None:
    """Remove `root` and everything in it, as far as that is allowed. A log that appears meanwhile is removed too."""
    for _ in range(3):
        with suppress(FileNotFoundError):
            shutil.rmtree(root)
        if not root.exists():
            return
