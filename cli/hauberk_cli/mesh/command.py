"""`hauberk control`, `up`, `run`, `status` and `proxies`."""

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import click

from hauberk_cli.complete import object_names, proxy_names, service_names, service_ports
from hauberk_cli.mesh.needs import need
from hauberk_cli.mesh.which import InCluster, WhichMesh
from hauberk_cli.output import JSON, output_option

_FOLDER: Final = click.Path(path_type=Path, exists=True, file_okay=False, readable=True)
_MESH: Final = click.option(
    "--mesh", type=_FOLDER, help="The mesh's folder of resources; else $HAUBERK_MESH, or the one this folder is in."
)
_Command = Callable[..., int]
# What Kubernetes takes for a label's value, in which a locality travels.
_LONGEST_LABEL: Final = 63
_LOCALITY: Final = re.compile(r"[0-9A-Za-z_-]+(/[0-9A-Za-z_-]+){0,2}")


def _which_mesh(command: _Command) -> _Command:
    """Options that say which mesh is meant; the command gets them as `mesh`."""

    @_MESH
    @click.option("--kubernetes", is_flag=True, help="The mesh of the cluster that kubectl is set up for.")
    @click.option("--revision", default="default", show_default=True, help="With --kubernetes: the control that is asked.")
    @functools.wraps(command)
    def with_mesh(mesh: Path | None, kubernetes: bool, revision: str, **others: object) -> int:
        if mesh is not None and kubernetes:
            raise click.UsageError("name a folder by --mesh, or say --kubernetes, not both")
        return command(mesh=InCluster(revision) if kubernetes else mesh, **others)

    return with_mesh


_LEEWAY: Final = click.option(
    "--clock-leeway",
    default="1m",
    show_default=True,
    metavar="DURATION",
    help="How far apart the clocks of the mesh may be: rotate-root waits so much longer.",
)


@click.command()
@click.argument("folder", type=_FOLDER, metavar="DIR", required=False)
@click.option("--kubernetes", is_flag=True, help="Read resources from a cluster instead of a folder.")
@click.option("--revision", default="default", show_default=True, help="With --kubernetes: which control this is.")
@click.option(
    "--settings",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="With --kubernetes: how proxies are run, as the Helm chart writes it.",
)
@click.option("--kubeconfig", default="", metavar="FILE", help="With --kubernetes: the cluster.  [default: the one this runs in]")
@click.option("--trust-domain", default="cluster.local", show_default=True, help="What identities begin with.")
@click.option(
    "--validity", default="24h", show_default=True, metavar="DURATION", help="What certificates of workloads get at most."
)
@_LEEWAY
def control(
    *,
    folder: Path | None,
    kubernetes: bool,
    revision: str,
    settings: Path | None,
    kubeconfig: str,
    trust_domain: str,
    validity: str,
    clock_leeway: str,
) -> int:
    """Run the control service of a mesh: a folder of YAML, or a cluster, becomes what each proxy serves.

    It watches the folder, tells mistakes with their places, and serves proxies and certificates on loopback. `hauberk up` runs it
    together with the gateways.

    With --kubernetes it watches the API server instead, writes mistakes into the objects' status, and serves proxies on ports
    15011 and 15012, and metrics and health on 15014. It runs in a pod of the namespace in POD_NAMESPACE, as POD_NAME.

    \b
    Examples:
      hauberk control shop
      hauberk control --validity 10m shop
      hauberk control --kubernetes
    """
    if kubernetes == (folder is not None):
        raise click.UsageError("name a folder, or say --kubernetes")
    need(("control", "kubernetes") if kubernetes else ("control",))
    if folder is None:
        from hauberk_cli.mesh.cluster_control import run_cluster_control

        return run_cluster_control(
            kubeconfig=kubeconfig,
            revision=revision,
            settings=settings,
            trust_domain=trust_domain,
            validity=validity,
            clock_leeway=clock_leeway,
        )
    from hauberk_cli.mesh.control import run_control

    return run_control(folder, trust_domain, validity, clock_leeway)


@click.command()
@click.argument("folder", type=_FOLDER, metavar="DIR")
@click.option(
    "--validity", default="24h", show_default=True, metavar="DURATION", help="What certificates of workloads get at most."
)
@_LEEWAY
def up(folder: Path, validity: str, clock_leeway: str) -> int:
    """Run a mesh from a folder of YAML: control, and a proxy for each Gateway.

    Workloads join with `hauberk run`. Ports below 1024 become others that need no root: 8080 for 80, 8443 for 443. Ctrl-C ends
    everything; SIGHUP replaces the gateways' proxies by new processes, without a lost request.

    \b
    Examples:
      hauberk up shop
    """
    need(("mesh", "control"))
    from hauberk_cli.mesh.up import run_up

    return run_up(folder, validity, clock_leeway)


def _read_locality(_context: click.Context, _option: click.Parameter, text: str) -> str:
    """Raises: click.BadParameter."""
    if text and (_LOCALITY.fullmatch(text) is None or len(text) > _LONGEST_LABEL):
        raise click.BadParameter(
            "write region/zone or region/zone/sub-zone, in letters, digits and dashes, for example eu-west/a"
        )
    return text


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--service", required=True, shell_complete=service_names, help="The Service that this process is an instance of.")
@click.option("--version", default="", help="Its version: the label `version`.")
@click.option("--name", default="", help="What this workload is called.  [default: SERVICE-VERSION]")
@click.option("--namespace", default="default", show_default=True, help="The namespace of service and workload.")
@click.option("--service-account", default="", help="Who it is.  [default: as the service]")
@click.option(
    "--port",
    "ports",
    required=True,
    multiple=True,
    type=click.IntRange(1, 65535),
    shell_complete=service_ports,
    help="The service's port that it serves; may be given several times.",
)
@click.option(
    "--locality",
    default="",
    metavar="REGION/ZONE",
    callback=_read_locality,
    help="Where it is, for callers that prefer what is near; a sub-zone may follow.",
)
@_MESH
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD...")
def run(  # noqa: PLR0913 - one for each option
    *,
    service: str,
    version: str,
    name: str,
    namespace: str,
    service_account: str,
    ports: tuple[int, ...],
    locality: str,
    mesh: Path | None,
    command: tuple[str, ...],
) -> int:
    """Run a process as a workload of the mesh, with a sidecar beside it.

    The process finds in PORT where to listen (of several --port: PORT_9080 and so on), in REVIEWS_SERVICE_HOST and
    REVIEWS_SERVICE_PORT where a service called reviews answers, and in HTTP_PROXY a proxy that knows every service by name. It
    need not know of the mesh. Another instance of the same version needs a --name of its own. The exit code is the process's
    own. SIGHUP replaces the sidecar by a new process, without a lost request.

    \b
    Examples:
      hauberk run --service reviews --version v2 --port 9080 -- ./reviews
      hauberk run --service reviews --version v2 --name reviews-v2-b --port 9080 -- ./reviews
      hauberk run --service web --port 80 -- python -m http.server
    """
    need(("mesh",))
    from hauberk_cli.mesh.run import run_workload
    from hauberk_cli.mesh.workload import Workload

    return run_workload(Workload(service, version, namespace, service_account, ports, name, locality), command, mesh)


@click.command()
@_which_mesh
@click.option(
    "--files",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIRECTORY",
    help="No mesh: what control would make of the files in this folder.",
)
@output_option("hauberk_control.local.messages:Status")
def status(mesh: WhichMesh, files: Path | None, output: Literal["text", "json"]) -> int:
    """Show what control makes of each object, and the mistakes in its files.

    The lines below the table tell what is refused, and what of an accepted object has no effect. Exits with 1 if something is
    refused. With --files nothing need run: a folder is judged before it is served.

    \b
    Examples:
      hauberk status
      hauberk status -o json --mesh shop
      hauberk status --files shop
      hauberk status --kubernetes
    """
    from hauberk_cli.mesh.look import show_status, tell_status

    if files is None:
        return show_status(mesh, output == JSON)
    if mesh is not None:
        raise click.UsageError("--files is about a folder that no mesh need serve; leave out --mesh and --kubernetes")
    need(("control",))
    from hauberk_control.local.unserved import unserved_status

    return tell_status(unserved_status(files.absolute()), output == JSON)


@click.command()
@_which_mesh
@click.option("--plugins", is_flag=True, help="Show the plugins that are installed beside each, and their versions.")
@output_option("hauberk_control.local.messages:Proxies")
def proxies(mesh: WhichMesh, plugins: bool, output: Literal["text", "json"]) -> int:
    """Show every connected proxy: what it serves, whether that is the latest, and what it last refused.

    PROGRAM is the version of hauberk that it runs, VERSION that of its configuration, which has served for IN-FORCE. REFUSED
    tells when it last refused one, the lines below the table why; "settled": it has taken another one since. Exits with 1 if
    one serves on with an older configuration because it refused the latest.

    \b
    Examples:
      hauberk proxies
      hauberk proxies --plugins
      hauberk proxies -o json
    """
    from hauberk_cli.mesh.proxies import show_proxies

    return show_proxies(mesh, output == JSON, plugins)


@click.command()
@click.argument("objects", nargs=-1, metavar="[OBJECT]...", shell_complete=object_names)
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Wait for what this file holds, or the files of this folder; it may have been deleted.",
)
@click.option(
    "--proxy",
    "proxies",
    multiple=True,
    metavar="NAME",
    shell_complete=proxy_names,
    help="Wait for this proxy alone, which must be connected.",
)
@click.option("--timeout", default="1m", show_default=True, metavar="SECONDS", help="Also as a duration, such as 2m30s.")
@_which_mesh
@output_option("hauberk_cli.mesh.wait:Waited")
def wait(
    *,
    objects: tuple[str, ...],
    files: tuple[Path, ...],
    proxies: tuple[str, ...],
    timeout: str,
    mesh: WhichMesh,
    output: Literal["text", "json"],
) -> int:
    """Wait until every proxy serves by what is in the files now.

    What was written before this command began is waited for: control has read it, without a mistake, and every proxy that there
    should be is connected and has acknowledged it. An OBJECT, KIND/NAME or KIND/NAMESPACE/NAME, has to be there and accepted
    besides, and then mistakes in other files do not count.

    Exits with 1 if that is not so in time, or a mistake keeps it from ever being so; what lags or refuses is named, and why. A
    control that is just starting is waited for too.

    \b
    Examples:
      hauberk wait --timeout 30
      hauberk wait httproute/reviews && curl -f http://127.0.0.1:8080/reviews
      hauberk wait -f shop/reviews-route.yaml --proxy default/bookshop
      hauberk wait --kubernetes httproute/shop/reviews
    """
    from hauberk_cli.mesh.wait import Wanted, read_timeout, wait_for

    return wait_for(mesh, Wanted(objects, files, proxies), read_timeout(timeout), output == JSON)


@click.command()
@_MESH
@click.option("--admin", "admins", multiple=True, metavar="HOST:PORT", help="Ask this proxy's admin server alone.")
@output_option("hauberk_cli.mesh.circuits:MeshCircuits")
def circuits(mesh: Path | None, admins: tuple[str, ...], output: Literal["text", "json"]) -> int:
    """Show the circuits of every proxy: limits and their use, endpoints left out, and the requests that tripped them.

    Only clusters whose DestinationRule has connectionPool limits or outlierDetection have circuits. FAILED counts failures in a
    row, EJECTED how often an endpoint was left out. The lines below the table tell what the last refusal or ejection was for.
    A second table tells what active health checks say, where there are any, and why those that failed did.

    \b
    Examples:
      hauberk circuits
      hauberk circuits -o json
      hauberk circuits --admin 127.0.0.1:15000
    """
    from hauberk_cli.mesh.circuits import show_circuits

    return show_circuits(mesh, admins, output == JSON)


@click.command("rotate-root")
@_which_mesh
def rotate_root(mesh: WhichMesh) -> int:
    """Replace the root of the mesh's certificates, without a failed request.

    Another root is announced at once. Everybody trusts both until every certificate that the old one signed has ended; then the
    old one is dropped. Both steps take as long as certificates live (`--validity`), and go on where they were if control is
    started again meanwhile. An authority of your own is rotated by replacing its files.

    \b
    Examples:
      hauberk rotate-root
      hauberk rotate-root --mesh shop
    """
    from hauberk_cli.mesh.roots import rotate_root as rotate

    return rotate(mesh)
