"""curl as a client of whatever a test runs, and what it is asked to show of an origin (`origin`) behind that."""

import hashlib
import subprocess
from pathlib import Path

from live_proxy import PATIENCE
from origin import made
from programs import program


def curl(*arguments: object) -> bytes:
    """What curl writes. AssertionError if it fails."""
    command = [program("curl"), "--silent", "--show-error", "--max-time", str(PATIENCE), *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def digest_of(octets: bytes) -> str:
    """By which large bodies are compared, and which the origin tells of an upload."""
    return hashlib.sha256(octets).hexdigest()


def head_and_body(shown: bytes) -> tuple[str, dict[str, str], bytes]:
    """The status line, the fields and the body of what `curl --include` shows of one response."""
    head, _, body = shown.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return first, fields, body


def carries_everything(url: str, upload: Path, size: int, *options: object) -> None:
    """Have bodies go both ways, in every framing, and answers without any.

    Args: url - where an origin is reached; upload - what is sent there; size - of what is fetched; options - of every request.
    """
    for path in ("/bytes", "/chunked", "/until-close"):
        assert digest_of(curl(*options, f"{url}{path}?n={size}")) == digest_of(made(size)), path
    sent = upload.read_bytes()
    for framing in ((), ("-H", "Transfer-Encoding: chunked"), ("-H", "Expect: 100-continue")):
        answer = curl(*options, "--data-binary", f"@{upload}", *framing, f"{url}/upload").decode().split()
        assert answer[:2] == [digest_of(sent), str(len(sent))], framing
    assert curl(*options, "--head", "-o", "/dev/null", "-w", "%{http_code}", f"{url}/bytes?n=5") == b"200"
    assert curl(*options, "-o", "/dev/null", "-w", "%{http_code}", f"{url}/nothing") == b"404"
    # With prior knowledge of HTTP/2, curl 7.88 fails where it would use its connection again, whoever the server is.
    again = [option for option in options if option != "--http2-prior-knowledge"]
    assert curl(*again, "--location", f"{url}/redirect") == made(10)
