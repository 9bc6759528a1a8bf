"""`hauberk config dump`."""

from pathlib import Path
from typing import Literal

import click
import msgspec

from hauberk_cli.complete import proxy_names
from hauberk_cli.errors import CommandError
from hauberk_cli.exit_codes import CHECK_FAILED, OK
from hauberk_cli.output import JSON, output_option


@click.command()
@click.argument("proxy", metavar="PROXY", shell_complete=proxy_names)
@click.option(
    "--mesh",
    type=click.Path(path_type=Path, exists=True, file_okay=False, readable=True),
    help="The mesh's folder of resources; else $HAUBERK_MESH, or the one this folder is in.",
)
@click.option("--admin", is_flag=True, help="PROXY is the address of an admin server, host:port, of whatever proxy.")
@click.option(
    "--only",
    "sections",
    multiple=True,
    type=click.Choice(["listeners", "routes", "clusters"]),
    help="Show this part; may be given several times.",
)
@output_option("hauberk_core.agent.config_dump:ConfigDump")
def dump(*, proxy: str, mesh: Path | None, admin: bool, sections: tuple[str, ...], output: Literal["text", "json"]) -> int:
    """Show the configuration that a proxy serves by, without secrets.

    PROXY is a name that `hauberk proxies` shows; the namespace may be left out where one proxy alone has the name. JSON holds the
    whole of it, as the proxy's admin page /config_dump does. Exits with 1 if the proxy refused a later configuration.

    \b
    Examples:
      hauberk config dump default/bookshop
      hauberk config dump reviews-v1 --only routes
      hauberk config dump bookshop -o json | jq .snapshot.clusters
      hauberk config dump --admin 127.0.0.1:15000
    """
    from hauberk_cli.config.dump_view import show_configuration
    from hauberk_cli.mesh.admin_page import get_admin_page
    from hauberk_cli.mesh.local_proxies import LocalProxy, find_proxy
    from hauberk_core.agent.config_dump import ConfigDump

    found = LocalProxy("proxy", proxy, "", proxy) if admin else find_proxy(mesh, proxy)
    page = get_admin_page(found.admin, "/config_dump")
    if page.status != 200:
        # Of one that is asked by its address, that is told already.
        name = "" if page.text.startswith(found.full_name) else f"{found.full_name}: "
        raise CommandError(f"{name}{page.text.strip() or page.status}", "hauberk proxies")
    try:
        told = msgspec.json.decode(page.text, type=ConfigDump)
    except msgspec.MsgspecError as error:
        raise CommandError(f"{found.admin} answers, but not as a proxy of this version: {error}", "hauberk proxies") from error
    if not admin and told.proxy != found.name:
        # The folder of a proxy outlives it, and its port may be another one's by now.
        raise CommandError(f"{found.full_name} does not run; at its address {told.proxy!r} answers", "hauberk proxies")
    if output == JSON:
        click.echo(page.text.rstrip("\n"))
    else:
        show_configuration(found.full_name if found.role != "proxy" else told.proxy, told, sections)
    return CHECK_FAILED if told.refused else OK
