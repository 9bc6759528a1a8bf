"""What the script asks for and is told, as files in a folder: it has neither a socket nor a parser of JSON."""

import json
import os
import re
from pathlib import Path
from typing import Final, NamedTuple

# More is no request of our script: two paths' worth of text.
_MOST_BYTES: Final = 4096
# As CNI_CONTAINERID and CNI_IFNAME may be written, and not the name under which a request is being written.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
_UNFINISHED: Final = ".new"
_POD_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}")
TRY_AGAIN: Final = 11
"""The specification's code for what may go well later."""


class Request(NamedTuple):
    """A pod that starts."""

    name: str
    """The request's own."""
    network: str
    """The path of the pod's network namespace."""
    namespace: str
    pod: str
    uid: str
    """The pod's; empty where the runtime does not tell."""


class BadRequest(Exception):
    """Nothing that our script would write; the message says what is wrong."""


class Requests:
    """The folder, and the two in it. Only root may enter: what is asked for is done in other pods' networks."""

    def __init__(self, folder: Path) -> None:
        self._asked: Final = folder / "requests"
        self._told: Final = folder / "answers"
        self._folder: Final = folder

    @property
    def asked(self) -> Path:
        """Where requests come."""
        return self._asked

    def prepare(self) -> None:
        """Make the folders. Answers that nobody has fetched go; requests stay: their pods wait. Raises: OSError."""
        for folder in (self._folder, self._asked, self._told):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        for left in self._told.iterdir():
            left.unlink(missing_ok=True)

    def names(self) -> list[str]:
        """The requests that wait."""
        return [name for name in sorted(os.listdir(self._asked)) if not name.endswith(_UNFINISHED)]  # noqa: PTH208 - names

    def read(self, name: str) -> Request | None:
        """One of them; None: whoever asked has given up. Raises: BadRequest."""
        if not _NAME.fullmatch(name):
            raise BadRequest(f"{name!r} is no name of a request")
        try:
            with (self._asked / name).open("rb") as file:
                text = file.read(_MOST_BYTES + 1)
        except FileNotFoundError:
            return None
        lines = text.decode("utf-8", "replace").splitlines()
        if len(text) > _MOST_BYTES or len(lines) != 2:
            raise BadRequest("a request has two lines: the network namespace, and CNI_ARGS")
        network, arguments = lines
        given = dict(part.partition("=")[::2] for part in arguments.split(";"))
        namespace, pod = given.get("K8S_POD_NAMESPACE", ""), given.get("K8S_POD_NAME", "")
        if not network.startswith("/") or not _POD_NAME.fullmatch(namespace) or not _POD_NAME.fullmatch(pod):
            raise BadRequest("a request names a network namespace by its path, and a pod")
        return Request(name, network, namespace, pod, given.get("K8S_POD_UID", ""))

    def answer(self, name: str, problem: str = "", code: int = TRY_AGAIN) -> None:
        """Tell the script that it is done, or what the problem is, and forget the request. Raises: OSError."""
        text = "done\n"
        if problem:
            text = "failed\n" + json.dumps({"cniVersion": "1.0.0", "code": code, "msg": f"hauberk-cni: {problem}"}) + "\n"
        aside = self._folder / f"{name}{_UNFINISHED}"
        aside.write_text(text)
        self.forget(name)
        os.replace(aside, self._told / name)  # noqa: PTH105 - one call, atomic

    def forget(self, name: str) -> None:
        """Drop a request without a word."""
        (self._asked / name).unlink(missing_ok=True)
