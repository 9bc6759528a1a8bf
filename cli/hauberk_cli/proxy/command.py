"""`hauberk proxy`."""

from pathlib import Path
from typing import Final, Literal, NamedTuple

import click

from hauberk_cli.proxy.address import ProxyAddress
from hauberk_cli.proxy.options import read_address, read_proxy_addresses
from hauberk_core.model.address import Address

LogFormat = Literal["text", "json", "off"]

# More workers than any machine has cores are a slip of the finger, and each costs memory and sockets.
_MOST_WORKERS: Final = 256
_FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False, readable=True)


class OneLine(NamedTuple):
    """What the options say where no configuration file does."""

    listen: tuple[ProxyAddress, ...]
    upstream: tuple[ProxyAddress, ...]
    cert: Path | None
    key: Path | None
    cacert: Path | None
    insecure: bool
    access_log: LogFormat | None
    access_log_file: Path | None

    def given(self) -> list[str]:
        """The options that were used, as they are typed."""
        options = {
            "--from": self.listen,
            "--to": self.upstream,
            "--cert": self.cert,
            "--key": self.key,
            "--cacert": self.cacert,
            "--insecure": self.insecure,
            "--access-log": self.access_log,
            "--access-log-file": self.access_log_file,
        }
        return [name for name, value in options.items() if value]


@click.command(no_args_is_help=True)
@click.option(
    "--from",
    "listen",
    multiple=True,
    metavar="ADDRESS",
    callback=read_proxy_addresses,
    help="Address to listen on. May be repeated.",
)
@click.option(
    "--to",
    "upstream",
    multiple=True,
    metavar="ADDRESS",
    callback=read_proxy_addresses,
    help="Address to send requests to. Repeated: in turn.",
)
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Configuration file, reread when it changes.")
@click.option("--cert", type=_FILE, help="Certificate chain (PEM) for --from https://...; without it one is made on the spot.")
@click.option("--key", type=_FILE, help="Private key (PEM) of --cert.")
@click.option("--cacert", type=_FILE, help="Authorities (PEM) to believe for --to https://... instead of the system's.")
@click.option("--insecure", is_flag=True, help="Believe any certificate of --to https://... For tests only.")
@click.option("--workers", type=click.IntRange(1, _MOST_WORKERS), default=1, show_default=True, help="Worker processes.")
@click.option(
    "--admin",
    metavar="ADDRESS",
    callback=read_address,
    help="Address for metrics, health and configuration, for example 127.0.0.1:15000; else none.",
)
@click.option("--access-log", type=click.Choice(["text", "json", "off"]), help="Form of the access log.  [default: text]")
@click.option(
    "--access-log-file", type=click.Path(path_type=Path, dir_okay=False), help="File of the access log, else standard output."
)
@click.pass_context
def proxy(  # noqa: PLR0913 - click hands each option over under its name
    ctx: click.Context,
    *,
    listen: tuple[ProxyAddress, ...],
    upstream: tuple[ProxyAddress, ...],
    config: Path | None,
    cert: Path | None,
    key: Path | None,
    cacert: Path | None,
    insecure: bool,
    workers: int,
    admin: Address | None,
    access_log: LogFormat | None,
    access_log_file: Path | None,
) -> int:
    """Run a proxy, from one line or from a configuration file.

    An address is [scheme://][host]:port. The scheme is http unless https is written; without a host, --from listens on every
    address and --to means this machine. Ctrl-C or SIGTERM: finish what is in flight, then end.

    \b
    Examples:
      hauberk proxy --from :8080 --to :9000
      hauberk proxy --from https://:8443 --to :9000 --to :9001
      hauberk proxy --from 127.0.0.1:8080 --to https://example.com --access-log json
      hauberk proxy --config gateway.json --workers 4 --admin 127.0.0.1:15000
    """
    one_line = OneLine(listen, upstream, cert, key, cacert, insecure, access_log, access_log_file)
    if config is not None:
        if one_line.given():
            given = ", ".join(one_line.given())
            raise click.UsageError(f"--config says everything about traffic; leave out {given}, or leave out --config", ctx)
    else:
        _check(one_line, ctx)
    # trio and the agent are imported only now: help and mistakes need not wait for them.
    from hauberk_cli.proxy.run import run_from_file, run_one_line

    admin_address = "" if admin is None else str(admin)
    if config is not None:
        return run_from_file(config, workers, admin_address)
    return run_one_line(one_line, workers, admin_address)


def _check(one_line: OneLine, ctx: click.Context) -> None:
    """Raises: click.UsageError for options that do not go together."""
    if not one_line.listen or not one_line.upstream:
        missing = "--from" if not one_line.listen else "--to"
        raise click.UsageError(f"{missing} is missing; write for example --from :8080 --to :9000, or --config FILE", ctx)
    if (one_line.cert is None) != (one_line.key is None):
        raise click.UsageError("--cert and --key belong together; give both, or neither for a certificate made on the spot", ctx)
    if one_line.cert is not None and all(address.scheme == "http" for address in one_line.listen):
        port = one_line.listen[0].address.port
        raise click.UsageError(f"--cert is for https; write --from https://:{port}, or leave out --cert and --key", ctx)
    schemes = {address.scheme for address in one_line.upstream}
    if len(schemes) > 1:
        raise click.UsageError(
            "requests cannot go to http and https in turn; give every --to the same scheme, or use --config", ctx
        )
    if schemes == {"http"} and (one_line.insecure or one_line.cacert is not None):
        option = "--insecure" if one_line.insecure else "--cacert"
        raise click.UsageError(f"{option} is for https; write --to https://..., or leave it out", ctx)
    if one_line.insecure and one_line.cacert is not None:
        raise click.UsageError("--insecure believes everybody, --cacert only some; leave out one of them", ctx)
    if one_line.access_log == "off" and one_line.access_log_file is not None:
        raise click.UsageError("--access-log-file has no use with --access-log off; leave out one of them", ctx)
    for address in one_line.upstream:
        if not address.address.port:
            raise click.UsageError("port 0 cannot be connected to; write the port after --to, for example --to :9000", ctx)
        if any(_is_same(address.address, own.address) for own in one_line.listen):
            raise click.UsageError(f"--to {address} is the proxy itself; requests would go round in circles: change a port", ctx)


def _is_same(upstream: Address, own: Address) -> bool:
    if upstream.port != own.port:
        return False
    return (
        own.host == upstream.host or (own.host == "" and upstream.host in ("127.0.0.1", "::1", "localhost")) or not upstream.host
    )
