"""The authority of a cluster: its roots are kept in a Secret, which all replicas of control share.

A folder in memory holds a copy, because that is what the authority reads. Whoever comes first makes the Secret; whoever comes at
the same moment finds it made, and takes that. While we run, the Secret is watched: a root that was announced elsewhere is taken
over, and one that is announced here is added to it. A Secret that is deleted under us is written again, because a mesh must not
forget whom it trusts.

Where somebody gave a Secret `cacerts`, in Istio's form or in cert-manager's, its certificate signs instead.
"""

import base64
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
import trio

from hauberk_control.ca.authority import Authority, system_time
from hauberk_control.ca.cacerts import CERTIFICATE_FILE, CHAIN_FILE, KEY_FILE, ROOT_FILE
from hauberk_control.ca.errors import AuthorityError
from hauberk_control.ca.roots import ROOTS, Root, make_root
from hauberk_control.kubernetes.errors import CONFLICT, NOT_FOUND, ApiError
from hauberk_control.kubernetes.follow import Event
from hauberk_control.secret import FILE_NAME, keep_secret
from hauberk_core.agent.identity.private_file import write_private
from hauberk_core.agent.logs import LOG
from hauberk_core.resources.kubernetes.secret import CERTIFICATE_ENTRY, KEY_ENTRY

KEPT: Final = "hauberk-ca"
GIVEN: Final = "cacerts"
# Each attempt fails only because another replica succeeded.
_MOST_ATTEMPTS: Final = 10
# Roots near their end a year before, and take steps in between.
_DAY_SECONDS: Final = 86_400.0

Entries = dict[str, bytes]


class Calls(Protocol):
    """Whoever can ask the API server, and blocks."""

    def call(self, method: str, path: str, query: None = None, body: bytes | None = None) -> bytes:
        """Raises: ApiError."""
        ...


class AuthoritySecret:
    """The Secrets of one namespace, and a folder that follows them. All methods but `follow` block."""

    def __init__(self, client: Calls, namespace: str, trust_domain: str, folder: Path) -> None:
        """Args: folder - private, in memory; nothing else is kept there."""
        self._client: Final = client
        self._namespace: Final = namespace
        self._trust_domain: Final = trust_domain
        self._folder: Final = folder
        self._known: frozenset[str] = frozenset()
        """Names of the entries that the Secret was last seen to have."""
        self._changed = trio.Event()
        self._in_step: Final = threading.Lock()
        """Held while folder and Secret may differ."""

    @property
    def secrets(self) -> str:
        """The path of the collection that both are in."""
        return f"/api/v1/namespaces/{self._namespace}/secrets"

    def open(self) -> None:
        """Fill the folder, and make the Secret where there is none. Raises: ApiError, AuthorityError, PrivateFileError."""
        for _ in range(_MOST_ATTEMPTS):
            given, kept, version = self._read(GIVEN)[0], *self._read(KEPT)
            given = _in_istios_form(given)
            kept = {name: entry for name, entry in kept.items() if _is_ours(name)}
            wanted = self._completed(kept, with_root=CERTIFICATE_FILE not in given)
            if wanted == kept or self._write(wanted, version):
                self._known = frozenset(wanted)
                self._fill({**wanted, **given})
                return
        raise _contended(self._namespace)

    def push(self) -> None:
        """Add the roots that the folder alone has to the Secret. Raises: ApiError."""
        ours = {path.name: path.read_bytes() for path in self._folder.glob(ROOTS)}
        fresh = {name: entry for name, entry in ours.items() if name not in self._known}
        if fresh:
            kept, version = self._read(KEPT)
            if self._write({**{name: entry for name, entry in kept.items() if _is_ours(name)}, **fresh}, version):
                self._known |= frozenset(fresh)

    def announce(self, authority: Authority) -> Root:
        """Announce another root, to every replica; retired ones leave the Secret.

        Raises: ApiError, AuthorityError; whom everybody trusts is then what it was.
        """
        with self._in_step:
            root = authority.rotate()
            try:
                for _ in range(_MOST_ATTEMPTS):
                    if self._write_roots():
                        return root
                raise _contended(self._namespace)
            except (ApiError, AuthorityError):
                root.path.unlink()
                authority.reload()
                raise

    def _write_roots(self) -> bool:
        """Make the Secret's roots those of the folder, and such as others have just added. Returns: False on a conflict."""
        ours = {path.name: path.read_bytes() for path in self._folder.glob(ROOTS)}
        kept, version = self._read(KEPT)
        retired = {name for name in self._known if Path(name).match(ROOTS) and name not in ours}
        wanted = {name: entry for name, entry in kept.items() if _is_ours(name) and name not in retired} | ours
        if not self._write(wanted, version):
            return False
        self._known = frozenset(wanted)
        return True

    async def follow(self, authority: Authority) -> None:
        """Take over what changes in the Secrets, until cancelled. What is wrong is logged, and what was in use stays in use."""
        while True:
            with trio.move_on_after(_DAY_SECONDS):
                await self._changed.wait()
            self._changed = trio.Event()
            try:
                await trio.to_thread.run_sync(self._refresh, authority)
            except (ApiError, AuthorityError, OSError) as error:
                LOG.error("the authority that was in use stays in use: %s", error)

    def _refresh(self, authority: Authority) -> None:
        with self._in_step:
            self.open()
            authority.reload()
            self.push()

    # A sink of both Secrets.

    def decode(self, data: bytes) -> str:
        return msgspec.json.decode(data, type=_Named).metadata.name

    def replace(self, items: Sequence[str]) -> None:
        self._changed.set()

    def apply(self, events: Sequence[Event[str]]) -> None:
        if any(event.item in (KEPT, GIVEN) for event in events):
            self._changed.set()

    def trouble(self, error: ApiError | None) -> None:
        """The folder has what was last known."""

    # Inside.

    def _read(self, name: str) -> tuple[Entries, str]:
        """The entries of a Secret and its resource version; none, and an empty one, if it is not there."""
        try:
            answer = self._client.call("GET", f"{self.secrets}/{name}")
        except ApiError as error:
            if error.status == NOT_FOUND:
                return {}, ""
            raise
        try:
            secret = msgspec.json.decode(answer, type=_Secret)
            return {key: base64.b64decode(text) for key, text in secret.data.items()}, secret.metadata.resource_version
        except (msgspec.MsgspecError, ValueError) as error:
            raise AuthorityError(f"the Secret {self._namespace}/{name} cannot be read: {error}") from error

    def _write(self, entries: Entries, version: str) -> bool:
        """Store the Secret. Args: version - replaced; empty: created. Returns: False if somebody else was faster."""
        metadata: dict[str, Any] = {"name": KEPT, "namespace": self._namespace, "labels": _LABELS}
        if version:
            metadata["resourceVersion"] = version
        data = {name: base64.b64encode(entry).decode() for name, entry in entries.items()}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}
        try:
            path = f"{self.secrets}/{KEPT}" if version else self.secrets
            self._client.call("PUT" if version else "POST", path, None, msgspec.json.encode(secret))
        except ApiError as error:
            if error.status in (CONFLICT, NOT_FOUND):
                return False
            raise
        return True

    def _completed(self, kept: Entries, *, with_root: bool) -> Entries:
        """What the Secret must have: what it has, else what the folder still has, else something new."""
        wanted = dict(kept)
        has_root = any(Path(name).match(ROOTS) for name in kept)
        if has_root and FILE_NAME in kept:
            return wanted
        for path in self._folder.glob("*"):
            if (path.match(ROOTS) and not has_root) or (path.name == FILE_NAME and FILE_NAME not in kept):
                wanted[path.name] = path.read_bytes()
        with tempfile.TemporaryDirectory(dir=self._folder) as made:
            if FILE_NAME not in wanted:
                wanted[FILE_NAME] = keep_secret(Path(made))
            if with_root and not any(Path(name).match(ROOTS) for name in wanted):
                root = make_root(Path(made), self._trust_domain, system_time())
                wanted[root.path.name] = root.path.read_bytes()
        return wanted

    def _fill(self, entries: Entries) -> None:
        """Make the folder hold these."""
        for path in self._folder.glob("*"):
            if path.name not in entries:
                path.unlink()
        for name, entry in entries.items():
            path = self._folder / name
            if not path.exists() or path.read_bytes() != entry:
                write_private(path, entry)


_LABELS: Final = {"app.kubernetes.io/managed-by": "hauberk", "app.kubernetes.io/part-of": "hauberk"}
_ROOT_ENTRY: Final = "ca.crt"
_GIVEN_FILES: Final = (CERTIFICATE_FILE, KEY_FILE, CHAIN_FILE, ROOT_FILE)


def _contended(namespace: str) -> AuthorityError:
    return AuthorityError(f"the Secret {namespace}/{KEPT} changes again and again; see who writes it")


def _in_istios_form(given: Entries) -> Entries:
    """What of a given Secret is read; cert-manager's form has no entry for the chain, which stands behind the certificate."""
    if CERTIFICATE_FILE not in given and {CERTIFICATE_ENTRY, KEY_ENTRY, _ROOT_ENTRY} <= given.keys():
        chain = given[CERTIFICATE_ENTRY]
        return {CERTIFICATE_FILE: chain, KEY_FILE: given[KEY_ENTRY], CHAIN_FILE: chain, ROOT_FILE: given[_ROOT_ENTRY]}
    return {name: given[name] for name in _GIVEN_FILES if name in given}


def _is_ours(name: str) -> bool:
    return name == FILE_NAME or Path(name).match(ROOTS)


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    resource_version: str = ""


class _Named(msgspec.Struct):
    metadata: _Metadata


class _Secret(msgspec.Struct):
    metadata: _Metadata
    data: dict[str, str] = {}
