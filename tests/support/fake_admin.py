"""Admin servers with some pages, and the documents by which commands find them."""

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@contextlib.contextmanager
def admin_server(pages: Mapping[str, bytes], status: int = 200) -> Iterator[str]:
    """An admin server. Args: pages - by path; status - of all of them. Gives: its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path in pages else 404)
            self.end_headers()
            self.wfile.write(pages.get(self.path, b""))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def write_proxy(mesh: Path, name: str, address: str, *, role: str = "sidecar", namespace: str = "default") -> None:
    """The document of a proxy of `mesh`, whose admin server is at `address`."""
    folder = mesh / ".hauberk" / "proxies" / f"{role}.{namespace}.{name}"
    folder.mkdir(parents=True)
    called = name if role == "sidecar" else f"{namespace}/{name}"
    node = {"namespace": namespace, "role": role}
    document = {"role": role, "name": called, "node": node, "admin": address, "control": "127.0.0.1:1", "more": {"a": 1}}
    (folder / "bootstrap.json").write_text(json.dumps(document))
