"""Asks a proxy's own admin server on this machine."""

import http.client
import json
from pathlib import Path
from typing import Final, NamedTuple

import trio

_TIMEOUT_SECONDS: Final = 10.0
# The configuration of a proxy in a mesh of some ten thousand services.
_LARGEST_PAGE: Final = 256 * 1024 * 1024


class AdminPage(NamedTuple):
    """An answer; status 0: there was none, and the text says why."""

    status: int
    text: str


async def admin_page(address: str, path: str) -> AdminPage:
    """Get a page. Args: address - `host:port`. Cancellation: gives the question up."""
    return await trio.to_thread.run_sync(get_admin_page, address, path, abandon_on_cancel=True)


def get_admin_page(address: str, path: str) -> AdminPage:
    """The same for a program without trio."""
    connection = http.client.HTTPConnection(address, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return AdminPage(response.status, response.read(_LARGEST_PAGE).decode(errors="replace"))
    except (OSError, http.client.HTTPException) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        return AdminPage(0, f"{address} does not answer: {why}")
    finally:
        connection.close()


async def not_ready(address: str) -> str:
    """What a proxy lacks before it serves, as it says itself; empty: nothing."""
    page = await admin_page(address, "/healthz/ready")
    return "" if page.status == 200 else page.text.strip()


def admin_address(folder: Path) -> str:
    """The admin server's address of the proxy that keeps its state in `folder`; empty if it has none, or never ran."""
    try:
        document = json.loads((folder / "bootstrap.json").read_bytes())
    except (OSError, ValueError):
        return ""
    return str(document.get("admin", "")) if isinstance(document, dict) else ""
