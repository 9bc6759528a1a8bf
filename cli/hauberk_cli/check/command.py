"""The command."""

import click

from hauberk_cli.mesh.needs import need
from hauberk_cli.output import JSON, output_option


@click.command()
@click.option("-n", "--namespace", default="hauberk-system", show_default=True, help="Where control is.")
@click.option("--kubeconfig", default="", metavar="FILE", help="Of the cluster.  [default: $KUBECONFIG]")
@click.option("--pre", is_flag=True, help="Check only what an installation needs.")
@output_option("hauberk_cli.check.report:CheckReport")
def check(*, namespace: str, kubeconfig: str, pre: bool, output: str) -> int:
    """Check whether a mesh in a Kubernetes cluster is complete and works.

    What is not so comes with what to do. Exits with 1 if something is wrong; what has a warning sign works all the same.

    \b
    Examples:
      hauberk check --pre
      hauberk check
      hauberk check -o json
    """
    need(("control", "kubernetes"))
    from hauberk_cli.check.run import run_check

    return run_check(namespace, kubeconfig, only_before=pre, as_json=output == JSON)
