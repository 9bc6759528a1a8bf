"""Certificates, keys and trust bundles: read from files, checked, and made ready for the workers.

What is read stays in memory, in the agent and in the workers that present it; it is never logged, dumped or written anywhere.
"""

import os
import ssl
import stat
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from hauberk_core.agent.wire import CERTIFICATE, TRUST, CertificatePem
from hauberk_core.bounded_read import read_bounded
from hauberk_core.model.cluster import Cluster
from hauberk_core.model.errors import ConfigError, ConfigErrors, quote, write_path
from hauberk_core.model.snapshot import Snapshot
from hauberk_core.model.transport import TransportConfig
from hauberk_core.net.pem import load_certificate
from hauberk_core.net.tls_context import load_trust
from hauberk_core.net.x509 import CertificateFacts, read_certificate

# A bundle of every public authority has about 250 KiB.
LARGEST_PEM: Final = 1024 * 1024


class Secrets(NamedTuple):
    """What one reading of the files gave."""

    resources: dict[str, bytes]
    """As they go to the workers; see `wire`."""
    facts: dict[str, CertificateFacts]
    """Of each certificate, by its name in the snapshot."""


NO_SECRETS: Final = Secrets({}, {})


def read_secrets(
    snapshot: Snapshot,
    folder: Path,
    in_memory: Mapping[str, CertificatePem],
    trust: Mapping[str, bytes] = MappingProxyType({}),
    before: Secrets = NO_SECRETS,
) -> Secrets:
    """Read every file that the snapshot names. Blocks where there are some, so call it in a thread then.

    Args: folder - what relative names are relative to; in_memory - certificates that need no file, by name; trust - bundles that
    need no file, by what the snapshot calls it; before - the reading before, whose secrets are not checked again.
    Raises: ConfigErrors with every file that is missing or wrong.
    """
    errors: list[ConfigError] = []
    resources: dict[str, bytes] = {}
    facts: dict[str, CertificateFacts] = {}
    for name, certificate in snapshot.certificates.items():
        held = in_memory.get(name)
        try:
            if held is None:
                held = CertificatePem(_read(folder / certificate.chain_file), _read(folder / certificate.key_file))
            _add_certificate(name, held, before, resources, facts)
        except _WrongFileError as error:
            errors.append(ConfigError(path=write_path(("certificates", name)), message=error.message, hint=error.hint))
    for name in _own_identities(snapshot):
        try:
            held = in_memory.get(name)
            if held is None:
                message = f"the mesh's transport presents {quote(name)}, and this proxy has no such identity"
                hint = "run it as a part of a mesh, or name a certificate's files under this name"
                raise _WrongFileError(message, hint)
            _add_certificate(name, held, before, resources, facts)
        except _WrongFileError as error:
            errors.append(ConfigError(path=f"identity {name}", message=error.message, hint=error.hint))
    for file in _trust_files(snapshot):
        try:
            bundle = trust.get(file)
            bundle = _read(folder / file) if bundle is None else bundle
            if before.resources.get(f"{TRUST}/{file}") != bundle:
                _check_trust(bundle, file)
            resources[f"{TRUST}/{file}"] = bundle
        except _WrongFileError as error:
            errors.append(ConfigError(path=f"trust_file {file}", message=error.message, hint=error.hint))
    if errors:
        raise ConfigErrors(errors)
    return Secrets(resources, facts)


def _add_certificate(
    name: str, held: CertificatePem, before: Secrets, resources: dict[str, bytes], facts: dict[str, CertificateFacts]
) -> None:
    """Check a certificate, unless it is the one that was there before. Raises: _WrongFileError."""
    resource, data = f"{CERTIFICATE}/{name}", msgspec.msgpack.encode(held)
    facts[name] = before.facts[name] if before.resources.get(resource) == data else _check_certificate(held)
    resources[resource] = data


def secret_files(
    snapshot: Snapshot, folder: Path, in_memory: Mapping[str, CertificatePem], trust: Mapping[str, bytes] = MappingProxyType({})
) -> list[Path]:
    """Every file that `read_secrets` reads."""
    files: dict[Path, None] = {}
    for name, certificate in snapshot.certificates.items():
        if name not in in_memory:
            files[folder / certificate.chain_file] = None
            files[folder / certificate.key_file] = None
    for file in _trust_files(snapshot):
        if file not in trust:
            files[folder / file] = None
    return list(files)


def without_unbelievable(snapshot: Snapshot, folder: Path, trust: Mapping[str, bytes]) -> tuple[Snapshot, tuple[str, ...]]:
    """Cut off the clusters whose authorities cannot be read here: nothing is sent to what nobody can verify.

    For configurations that others write than those who run the proxy: a file that one service's owner names must not keep the
    proxy from everything else. Blocks.

    Args: folder, trust - as for `read_secrets`. Returns: the snapshot, the one given if nothing is cut off; and why, for people.
    """
    faults: dict[str, str] = {}
    for file in dict.fromkeys([cluster.transport.trust_file for cluster in snapshot.clusters.values()]):
        if file and file not in trust:
            try:
                _check_trust(_read(folder / file), file)
            except _WrongFileError as error:
                faults[file] = error.message
    if not faults:
        return snapshot, ()
    clusters = {
        name: Cluster(reach="nothing", labels=cluster.labels) if cluster.transport.trust_file in faults else cluster
        for name, cluster in snapshot.clusters.items()
    }
    reasons = [
        f"{name} is answered with 503: {faults[cluster.transport.trust_file]}"
        for name, cluster in snapshot.clusters.items()
        if cluster.transport.trust_file in faults
    ]
    return msgspec.structs.replace(snapshot, clusters=clusters), tuple(reasons)


def _own_identities(snapshot: Snapshot) -> list[str]:
    """Names that the mesh's transports present and that are no files of the snapshot: what the proxy got from the mesh."""
    names: dict[str, None] = {}
    for transport in _transports(snapshot):
        if transport.security == "mesh":
            for name in transport.certificates:
                if name not in snapshot.certificates:
                    names[name] = None
    return list(names)


def _trust_files(snapshot: Snapshot) -> list[str]:
    files = {transport.trust_file: None for transport in _transports(snapshot)}
    files.pop("", None)
    return list(files)


def _transports(snapshot: Snapshot) -> list[TransportConfig]:
    chains = [chain for listener in snapshot.listeners.values() for chain in listener.filter_chains]
    return [chain.transport for chain in chains] + [cluster.transport for cluster in snapshot.clusters.values()]


class _WrongFileError(Exception):
    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message: Final = message
        self.hint: Final = hint


def _read(path: Path) -> bytes:
    try:
        # Not blocking, because opening a named pipe would wait for its writer, and reading one would take what is others'.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _WrongFileError(f"{path} is no regular file", "name a PEM file that the proxy may read")
            data = read_bounded(file, LARGEST_PEM)
    except OSError as error:
        raise _WrongFileError(f"{path} cannot be read: {error.strerror}", "name a PEM file that the proxy may read") from error
    if len(data) > LARGEST_PEM:
        raise _WrongFileError(f"{path} has more than {LARGEST_PEM} octets", "leave out certificates that nobody needs")
    return data


def _check_certificate(pem: CertificatePem) -> CertificateFacts:
    try:
        facts = read_certificate(pem.chain)
    except ValueError as error:
        raise _WrongFileError(f"chain_file: {error}", "name a PEM file with the certificate first, then its issuers") from error
    try:
        load_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), pem.chain, pem.key)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            hint = "name the key that the certificate was made for"
            raise _WrongFileError("the key does not belong to the certificate", hint) from error
        reason = (error.reason or "it is no PEM").replace("_", " ").lower()
        hint = "name a PEM certificate and an unencrypted PEM key"
        raise _WrongFileError(f"OpenSSL does not load it: {reason}", hint) from error
    except ValueError as error:
        raise _WrongFileError(str(error), "decrypt it, for example: openssl pkey -in KEY -out NEW_KEY") from error
    return facts


def _check_trust(pem: bytes, name: str) -> None:
    try:
        load_trust(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), pem)
    except (ssl.SSLError, ValueError) as error:
        message = f"{name} holds no certificate that OpenSSL can load"
        raise _WrongFileError(message, "name a PEM bundle of authorities") from error
