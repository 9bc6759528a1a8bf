"""A real API server of a test's own: etcd and kube-apiserver on loopback, without nodes and without anybody else's objects."""

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import trustme
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from laptop_mesh import wait_until
from programs import free_port

from hauberk_control.kubernetes.client import Client, open_client
from hauberk_control.kubernetes.errors import ApiError

PROGRAMS: Final = "HAUBERK_KUBE_PROGRAMS"
"""Names the folder of etcd and kube-apiserver; tests that need them are skipped without it."""
DEFINITIONS: Final = "HAUBERK_GATEWAY_API"
"""Names the folder of Gateway API's definitions: config/crd/experimental of its repository."""

# Seconds: it makes its own objects first.
_START_SECONDS: Final = 120.0
_TOKEN: Final = "a-token-for-a-cluster-that-lives-for-a-test"


class RealApi(NamedTuple):
    """One that runs."""

    kubeconfig: Path
    client: Client
    server: "Server"


class Server:
    """The program, which a test may take away for a while."""

    def __init__(self, command: list[str], log: Path) -> None:
        self._command: Final = command
        self._log: Final = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def missing() -> str:
    """Why there can be none here; empty if there can."""
    folder = os.environ.get(PROGRAMS, "")
    absent = [name for name in ("etcd", "kube-apiserver") if not (folder and shutil.which(name, path=folder))]
    if absent:
        return f"{PROGRAMS} names no folder with {' and '.join(absent)}"
    return "" if list(_definitions()) else f"{DEFINITIONS} names no folder with definitions of Gateway API's resources"


def _definitions() -> Iterator[Path]:
    folder = os.environ.get(DEFINITIONS)
    return Path(folder).glob("gateway.networking.k8s.io_*.yaml") if folder else iter(())


def install_definitions(client: Client) -> None:
    """Install Gateway API's resources. Blocks."""
    for file in _definitions():
        for document in yaml.safe_load_all(file.read_text()):
            if document and document["kind"] == "CustomResourceDefinition":
                path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
                client.call("POST", path, None, json.dumps(document).encode())
    wait_until(lambda: _serves_routes(client), "Gateway API's resources are served", _START_SECONDS)


def _serves_routes(client: Client) -> bool:
    try:
        for plural in ("gatewayclasses", "gateways", "httproutes"):
            client.call("GET", f"/apis/gateway.networking.k8s.io/v1/{plural}")
    except ApiError:
        return False
    return True


@contextlib.contextmanager
def real_api(folder: Path) -> Iterator[RealApi]:
    """Run both until the end of the block. Blocks, some ten seconds at first."""
    programs = Path(os.environ[PROGRAMS])
    clients, peers, port = free_port(), free_port(), free_port()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "accounts.key").write_bytes(pem)
    (folder / "tokens.csv").write_text(f"{_TOKEN},admin,admin,system:masters\n")
    authority = trustme.CA()
    served = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    served.private_key_pem.write_to_path(folder / "server.key")
    served.cert_chain_pems[0].write_to_path(folder / "server.pem")
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(_kubeconfig(port, folder / "ca.pem")))
    etcd = Server(
        [
            str(programs / "etcd"),
            f"--data-dir={folder}/etcd",
            f"--listen-client-urls=http://127.0.0.1:{clients}",
            f"--advertise-client-urls=http://127.0.0.1:{clients}",
            f"--listen-peer-urls=http://127.0.0.1:{peers}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ],
        folder / "etcd.log",
    )
    server = Server(
        [
            str(programs / "kube-apiserver"),
            f"--etcd-servers=http://127.0.0.1:{clients}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--secure-port={port}",
            f"--cert-dir={folder}/certificates",
            f"--tls-cert-file={folder}/server.pem",
            f"--tls-private-key-file={folder}/server.key",
            f"--token-auth-file={folder}/tokens.csv",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/24",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-signing-key-file={folder}/accounts.key",
            f"--service-account-key-file={folder}/accounts.key",
            "--disable-admission-plugins=ServiceAccount",
        ],
        folder / "kube-apiserver.log",
    )
    client = open_client(str(kubeconfig))
    etcd.start()
    try:
        server.start()
        wait_until(lambda: is_ready(client), "the API server is ready", _START_SECONDS)
        yield RealApi(kubeconfig, client, server)
    finally:
        client.close()
        server.stop()
        etcd.stop()


def is_ready(client: Client) -> bool:
    """Whether the API server serves all it has."""
    try:
        return client.call("GET", "/readyz") == b"ok"
    except ApiError:
        return False


def _kubeconfig(port: int, authority: Path) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [
            {"name": "test", "cluster": {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(authority)}}
        ],
        "users": [{"name": "test", "user": {"token": _TOKEN}}],
    }
