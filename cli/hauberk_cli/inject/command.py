"""`hauberk inject`."""

from pathlib import Path

import click

from hauberk_cli.mesh.needs import need


@click.command()
@click.option(
    "-f",
    "--filename",
    "files",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help='YAML or JSON; "-" reads standard input. May be given several times.',
)
@click.option("-n", "--namespace", default="default", show_default=True, help="The namespace of objects that name none.")
@click.option(
    "--settings",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The cluster's settings, as control reads them.  [default: none but the built-in ones]",
)
@click.option(
    "--native-sidecars/--no-native-sidecars",
    default=True,
    show_default=True,
    help="Whether the cluster has init containers that keep running: Kubernetes 1.29 and later.",
)
def inject(files: tuple[Path, ...], namespace: str, settings: Path | None, *, native_sidecars: bool) -> int:
    """Inject sidecars into the pods of YAML files, as the webhook does in a cluster.

    Prints the files with the pods of Deployments, StatefulSets, DaemonSets, ReplicaSets, Jobs, CronJobs and Pods injected; every
    other document passes as it is. Labels and annotations decide as in a cluster, where a namespace counts as asking for
    injection unless the files say otherwise. Within injected documents comments are lost; values stay as they are written. What
    became of each object is told on standard error. Exits with 1 if a pod says something impossible; nothing is printed then.

    \b
    Examples:
      hauberk inject -f deployment.yaml | kubectl apply -f -
      helm template shop | hauberk inject -f - > shop.yaml
      hauberk inject -f a.yaml -f b.yaml --settings settings.yaml
    """
    need(("control",))
    from hauberk_cli.inject.run import inject_files

    return inject_files(files, namespace, settings, native_sidecars)
