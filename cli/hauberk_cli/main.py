"""The entry point: finds the command, and turns what goes wrong into a message and an exit code."""

import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from hauberk_cli.errors import CommandError, tell
from hauberk_cli.exit_codes import INTERRUPTED, OK
from hauberk_cli.lazy_group import LazyCommand
from hauberk_cli.plugin.group import ExtensibleGroup

_COMMANDS: Final = {
    "demo": LazyCommand(
        "hauberk_cli.demo.command",
        "demo",
        "Run a whole mesh: a bookshop of six processes, a sidecar beside each, a gateway, control, and some traffic.",
    ),
    "proxy": LazyCommand("hauberk_cli.proxy.command", "proxy", "Run a proxy, from one line or from a configuration file."),
    "up": LazyCommand(
        "hauberk_cli.mesh.command", "up", "Run a mesh from a folder of YAML: control, and a proxy for each Gateway."
    ),
    "run": LazyCommand("hauberk_cli.mesh.command", "run", "Run a process as a workload of the mesh, with a sidecar beside it."),
    "status": LazyCommand(
        "hauberk_cli.mesh.command", "status", "Show what control makes of each object, and the mistakes in its files."
    ),
    "proxies": LazyCommand(
        "hauberk_cli.mesh.command",
        "proxies",
        "Show every connected proxy: what it serves, whether that is the latest, and what it last refused.",
    ),
    "wait": LazyCommand("hauberk_cli.mesh.command", "wait", "Wait until every proxy serves by what is in the files now."),
    "circuits": LazyCommand(
        "hauberk_cli.mesh.command",
        "circuits",
        "Show the circuits of every proxy: limits and their use, endpoints left out, and the requests that tripped them.",
    ),
    "control": LazyCommand(
        "hauberk_cli.mesh.command",
        "control",
        "Run the control service of a mesh: a folder of YAML, or a cluster, becomes what each proxy serves.",
    ),
    "install": LazyCommand(
        "hauberk_cli.install.command", "install", "Install control in a Kubernetes cluster, and wait until it serves."
    ),
    "upgrade": LazyCommand(
        "hauberk_cli.install.command", "upgrade", "Bring an installation to this version, or to other values."
    ),
    "uninstall": LazyCommand("hauberk_cli.install.command", "uninstall", "Remove control from a cluster."),
    "check": LazyCommand(
        "hauberk_cli.check.command", "check", "Check whether a mesh in a Kubernetes cluster is complete and works."
    ),
    "rotate-root": LazyCommand(
        "hauberk_cli.mesh.command", "rotate_root", "Replace the root of the mesh's certificates, without a failed request."
    ),
    "inject": LazyCommand(
        "hauberk_cli.inject.command", "inject", "Inject sidecars into the pods of YAML files, as the webhook does in a cluster."
    ),
    "config": LazyCommand(
        "hauberk_cli.config.command", "config", "Check configuration files; show a proxy's configuration; print the schema."
    ),
    "plugin": LazyCommand(
        "hauberk_cli.plugin.command", "plugin", "Write a plugin; show which are installed, and which can be used."
    ),
    "version": LazyCommand("hauberk_cli.version", "version", "Tell what is installed: version, compiled or plain, platform."),
    "completion": LazyCommand("hauberk_cli.completion", "completion", "Print the completion script of a shell."),
}

_SECTIONS: Final = {
    "Run a mesh on this machine": ("demo", "up", "run"),
    "Look at a mesh": ("status", "proxies", "wait", "circuits"),
    "On Kubernetes": ("install", "upgrade", "uninstall", "inject"),
}


def _show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from hauberk_cli.version import show_version

        show_version()
        context.exit()


@click.group(
    cls=ExtensibleGroup,
    lazy_commands=_COMMANDS,
    sections=_SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done; 1 what was checked is wrong; 2 the command line is wrong; 3 could not start; 130 Ctrl-C.",
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="As `hauberk version`, and exit."
)
def cli() -> None:
    """hauberk: a service mesh and an ingress gateway.

    \b
    Examples:
      hauberk demo
      hauberk up shop
      hauberk proxy --from :8080 --to :9000
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns: its exit code."""
    # https://no-color.org: set and not empty means no colour; otherwise click colours on a terminal only.
    color = False if os.environ.get("NO_COLOR") else None
    try:
        result = cli.main(arguments, prog_name="hauberk", standalone_mode=False, color=color)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx is not None else "", err=True)
        return error.exit_code
    except click.ClickException as error:
        tell(error, color)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has what it wants. Python would complain once more while it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        tell(CommandError(what, "hauberk --help"), color)
        return CommandError.exit_code
    return result if isinstance(result, int) else OK
