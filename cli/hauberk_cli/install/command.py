"""`hauberk install`, `upgrade`, `uninstall` and `check`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from hauberk_cli.mesh.needs import need

_FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False, readable=True)
_NAMESPACE: Final = click.option(
    "-n", "--namespace", default="hauberk-system", show_default=True, help="Where control is, or is to be."
)
_KUBECONFIG: Final = click.option("--kubeconfig", default="", metavar="FILE", help="Of the cluster.  [default: $KUBECONFIG]")
_TIMEOUT: Final = click.option(
    "--timeout", default=120.0, show_default=True, metavar="SECONDS", type=click.FloatRange(min=0), help="How long to wait."
)


def _values_options(command: Callable[..., Any]) -> Callable[..., Any]:
    values = click.option("-f", "--values", "files", type=_FILE, multiple=True, help="Values in a YAML file; later ones win.")
    settings = click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="One value; wins over files.")
    return values(settings(command))


@click.command()
@_NAMESPACE
@_KUBECONFIG
@_values_options
@click.option("--render", "only_render", is_flag=True, help="Write the YAML and change nothing.")
@_TIMEOUT
def install(
    *, namespace: str, kubeconfig: str, files: tuple[Path, ...], settings: tuple[str, ...], only_render: bool, timeout: float
) -> int:
    """Install control in a Kubernetes cluster, and wait until it serves.

    The same objects as the Helm chart's; the values are the same too. What is there already becomes what it should be. --render
    writes the same octets for the same values, to be looked at, kept, or applied by something else.

    \b
    Examples:
      hauberk install
      hauberk install --set control.replicas=2 --set image.registry=registry.example.org/mesh
      hauberk install --values mesh.yaml --render > mesh-rendered.yaml
    """
    from hauberk_cli.install.run import run_install

    if not only_render:
        need(("kubernetes",))
    need(("control",))
    return run_install(namespace, kubeconfig, files, settings, only_render=only_render, timeout=timeout)


@click.command()
@_NAMESPACE
@_KUBECONFIG
@_values_options
@click.option("--check", "only_check", is_flag=True, help="Tell what would change, and change nothing.")
@_TIMEOUT
def upgrade(
    *, namespace: str, kubeconfig: str, files: tuple[Path, ...], settings: tuple[str, ...], only_check: bool, timeout: float
) -> int:
    """Bring an installation to this version, or to other values.

    Say the values that it was installed with. --check asks the API server what each object would become, and exits with 1 if
    something stands in the way.

    \b
    Examples:
      hauberk upgrade --check --values mesh.yaml
      hauberk upgrade --values mesh.yaml
    """
    from hauberk_cli.install.run import run_upgrade

    need(("control", "kubernetes"))
    return run_upgrade(namespace, kubeconfig, files, settings, only_check=only_check, timeout=timeout)


@click.command()
@_NAMESPACE
@_KUBECONFIG
@_values_options
@click.option("--purge", is_flag=True, help="Remove the authority's key, the definitions, and the namespace too.")
def uninstall(*, namespace: str, kubeconfig: str, files: tuple[Path, ...], settings: tuple[str, ...], purge: bool) -> int:
    """Remove control from a cluster.

    Proxies serve on with what they have. The key of the mesh's authority stays, so that a later installation continues the mesh,
    unless --purge removes it; with the definitions go the PluginPolicies.

    \b
    Examples:
      hauberk uninstall
      hauberk uninstall --purge
    """
    from hauberk_cli.install.run import run_uninstall

    need(("control", "kubernetes"))
    return run_uninstall(namespace, kubeconfig, files, settings, purge=purge)
