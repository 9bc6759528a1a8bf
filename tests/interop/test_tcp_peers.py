"""PostgreSQL and a mail server through two sidecars: mutual TLS between them, and nothing that says what is spoken.

PostgreSQL's client begins, and asks for TLS in a way of its own; in SMTP the server greets first, and the client may go over to
TLS later. To the mesh both are octets, and it adds nothing and loses nothing.
"""

import contextlib
import email.message
import importlib.util
import os
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import trustme
from live_proxy import PATIENCE, wait_until
from programs import free_port, program, server
from sidecar_pair import sidecar_pair

pytestmark = pytest.mark.e2e

DATABASE: Final = "database"
MAIL: Final = "mail"
Sidecars = dict[str, tuple[int, int]]
# Debian has the server's programs apart from those that everybody calls.
SERVER_PROGRAMS: Final = "/usr/lib/postgresql"
ROWS: Final = 20_000


@pytest.fixture(scope="module")
def sidecars() -> Iterator[Sidecars]:
    """By service: where its server has to listen, and where clients reach it."""
    ports = {service: free_port() for service in (DATABASE, MAIL)}
    with sidecar_pair(ports) as reached:
        yield {service: (ports[service], reached[service]) for service in ports}


def greeting(port: int) -> bytes:
    """What a server says first; nothing if the connection ends instead."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), PATIENCE) as stream:
        return stream.recv(1000)
    return b""


# PostgreSQL


@pytest.fixture(scope="module")
def database(sidecars: Sidecars, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """PostgreSQL behind two sidecars, with an empty database. Yields where its client connects."""
    program("psql")
    as_somebody: list[str] = []
    with tempfile.TemporaryDirectory(prefix="hauberk-test-") as kept:
        folder = Path(kept)
        if os.geteuid() == 0:  # it does not run as root
            as_somebody = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            shutil.chown(folder, "postgres", "postgres")
        data, (port, reached) = folder / "data", sidecars[DATABASE]
        make = [server_program("initdb"), "--pgdata", str(data), "--username=books", "--auth=trust", "--no-sync", "--no-locale"]
        subprocess.run([*as_somebody, *make], check=True, capture_output=True, timeout=PATIENCE * 2, cwd="/")
        settings = ["-c", "fsync=off", "-c", f"unix_socket_directories={folder}", "-c", "listen_addresses=127.0.0.1"]
        serve = [*as_somebody, server_program("postgres"), "-D", str(data), "-p", str(port), *settings]
        log = tmp_path_factory.mktemp("database") / "log"
        with server(serve, port, log, ending=signal.SIGINT):
            wait_until(lambda: psql(reached, "select 1").returncode == 0, log.read_text)
            yield reached


def server_program(name: str) -> str:
    """One of PostgreSQL's own programs."""
    found = sorted(Path(SERVER_PROGRAMS).glob(f"*/bin/{name}"))
    assert found, f"{name} is nowhere in {SERVER_PROGRAMS}, though psql is there"
    return str(found[-1])


def psql(port: int, statement: str, given: str = "", tls: str = "prefer") -> "subprocess.CompletedProcess[str]":
    command = [program("psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "-h", "127.0.0.1", "-p", str(port)]
    command += ["-U", "books", "-d", "postgres", "-c", statement]
    environment = os.environ | {"PGSSLMODE": tls, "PGCONNECT_TIMEOUT": "60"}
    return subprocess.run(
        command, input=given, capture_output=True, text=True, check=False, env=environment, timeout=PATIENCE * 2
    )


def test_rows_go_in_and_come_out(database: int) -> None:
    assert psql(database, "create table books (id int primary key, title text)").returncode == 0
    rows = "".join(f"{number}\ttitle {number} {'x' * (number % 100)}\n" for number in range(ROWS))
    loaded = psql(database, "copy books from stdin", rows)
    assert (loaded.returncode, loaded.stderr) == (0, "")
    # Whether its client first asks for TLS, which the server has none of, or does not.
    for tls in ("prefer", "disable"):
        assert psql(database, "copy (select * from books order by id) to stdout", tls=tls).stdout == rows
    assert psql(database, "select length(repeat('0123456789', 1000000))").stdout == "10000000\n"


def test_a_mistake_is_the_servers_own_to_tell(database: int) -> None:
    failed = psql(database, "select * from nothing")
    assert failed.returncode == 1
    assert 'relation "nothing" does not exist' in failed.stderr


def test_many_connections_at_a_time(database: int) -> None:
    command = [server_program("pgbench"), "-h", "127.0.0.1", "-p", str(database)]
    command += ["-U", "books", "--no-vacuum", "--client=8", "--transactions=5", "--connect", "--file=/dev/stdin", "postgres"]
    shown = subprocess.run(command, input="select 1;\n", capture_output=True, text=True, check=False, timeout=PATIENCE * 2)
    assert "number of transactions actually processed: 40/40" in shown.stdout, shown


# Mail


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The mail server's own certificate, its key, and who vouches for it."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(folder / "authority.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "chain.pem")
    return folder


@pytest.fixture(scope="module")
def mail(sidecars: Sidecars, tmp_path_factory: pytest.TempPathFactory, trust: Path) -> Iterator[tuple[int, Path]]:
    """aiosmtpd behind two sidecars. Yields where its client connects, and the folder with what it has received."""
    if importlib.util.find_spec("aiosmtpd") is None:
        program("aiosmtpd")
    folder = tmp_path_factory.mktemp("mail")
    port, reached = sidecars[MAIL]
    command = [sys.executable, "-m", "aiosmtpd", "--nosetuid", "--no-requiretls", "--size", str(1 << 23)]
    command += ["--tlscert", str(trust / "chain.pem"), "--tlskey", str(trust / "key.pem"), "--listen", f"127.0.0.1:{port}"]
    command += ["--class", "aiosmtpd.handlers.Mailbox", str(folder / "box")]
    with server(command, port, folder / "log"):
        yield reached, folder / "box" / "new"


def test_the_server_greets_first_and_takes_letters(mail: tuple[int, Path]) -> None:
    port, mailbox = mail
    with smtplib.SMTP("localhost", port, timeout=PATIENCE) as client:
        client.send_message(_letter("plain", "a" * 70 + "\n"))
    assert _arrived(mailbox, "plain").count("a" * 70) == 1


def test_a_client_goes_over_to_tls(mail: tuple[int, Path], trust: Path) -> None:
    port, mailbox = mail
    with smtplib.SMTP("localhost", port, timeout=PATIENCE) as client:
        client.starttls(context=ssl.create_default_context(cafile=str(trust / "authority.pem")))
        client.ehlo()
        client.send_message(_letter("large", ("0123456789" * 7 + "\n") * 10_000))
    assert _arrived(mailbox, "large").count("0123456789" * 7) == 10_000


def test_greetings_are_not_held_up(mail: tuple[int, Path], sidecars: Sidecars) -> None:
    """On a machine that is busy now some are slow; the best of many tells whether anything waits beside the machine itself."""
    direct, through = sidecars[MAIL]
    assert _best_greeting(through) < 0.1 + 10 * _best_greeting(direct)


def _best_greeting(port: int) -> float:
    took: list[float] = []
    for _ in range(20):
        began = time.perf_counter()
        assert greeting(port).startswith(b"220 ")
        took.append(time.perf_counter() - began)
    return min(took)


def _letter(subject: str, text: str) -> email.message.EmailMessage:
    letter = email.message.EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "a@shop.test", "b@shop.test", subject
    letter.set_content(text)
    return letter


def _arrived(mailbox: Path, subject: str) -> str:
    letters = [text for path in mailbox.iterdir() if f"Subject: {subject}" in (text := path.read_text())]
    assert len(letters) == 1
    return letters[0]
