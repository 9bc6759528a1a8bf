"""`hauberk demo`."""

from pathlib import Path
from typing import Final

import click

from hauberk_cli.mesh.needs import need

_PORT: Final = click.IntRange(1, 65535)


@click.command()
@click.option("--check", "verify", is_flag=True, help="Start it, verify it, one line a check, and end it; exit with 0 or 1.")
@click.option("--port", type=_PORT, help="HTTP port.  [default: 8080, or any free one]")
@click.option("--tls-port", type=_PORT, help="HTTPS port.  [default: 8443, or any free one]")
@click.option("--admin-port", type=_PORT, help="Port for the gateway's metrics.  [default: 15000, or any free one]")
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Worker processes of the gateway.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    help="A new or empty folder for its files.  [default: a temporary one]",
)
@click.option("--keep", is_flag=True, help="Leave the folder behind, to look into its logs.")
@click.option("--files-only", is_flag=True, help="Only write the YAML files into --dir, for `hauberk up`, and end.")
@click.pass_context
def demo(  # noqa: PLR0913 - click hands each option over under its name
    ctx: click.Context,
    *,
    verify: bool,
    port: int | None,
    tls_port: int | None,
    admin_port: int | None,
    workers: int,
    folder: Path | None,
    keep: bool,
    files_only: bool,
) -> int:
    """Run a whole mesh: a bookshop of six processes, a sidecar beside each, a gateway, control, and some traffic.

    All of it is on loopback and needs no root. Its files are Gateway API and Istio resources as on a cluster: edit them while it
    runs, and look at it from another terminal with the other commands, in its folder or with --mesh. Ctrl-C ends it and leaves
    nothing behind: no process, no port, no file.

    \b
    Examples:
      hauberk demo
      hauberk demo --check
      hauberk demo --port 18080 --dir demo --keep
      hauberk demo --files-only --dir shop && hauberk up shop
    """
    if files_only and folder is None:
        raise click.UsageError("--files-only wants a folder to write into; add --dir FOLDER", ctx)
    if files_only and (verify or keep):
        raise click.UsageError("--files-only starts nothing; leave out --check and --keep", ctx)
    need(("mesh", "control"))
    from hauberk_cli.demo.run import Options, run_demo, write_only

    if files_only:
        assert folder is not None
        return write_only(folder)
    return run_demo(Options(port, tls_port, admin_port, workers, folder, keep, verify))
