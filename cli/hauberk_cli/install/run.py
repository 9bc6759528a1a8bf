"""Runs the commands that change a cluster."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import click
import trio

from hauberk_cli.errors import CommandError
from hauberk_cli.exit_codes import OK
from hauberk_cli.install.cluster import (
    Done,
    HelmOwns,
    ObjectApi,
    apply_all,
    changes,
    delete_all,
    left_behind,
    refuse_helms,
    wait_serving,
)
from hauberk_cli.install.objects.definitions import definitions
from hauberk_cli.install.reading import read_values
from hauberk_cli.install.render import everything, manifests, namespace_manifest, render
from hauberk_cli.install.values import Values
from hauberk_core.model.errors import ConfigErrors

_CONFIGURATION: Final = "hauberk install --help"
_SECRET: Final = "hauberk-ca"  # noqa: S105 - a Secret's name


def run_install(
    namespace: str, kubeconfig: str, files: Sequence[Path], settings: Sequence[str], *, only_render: bool, timeout: float
) -> int:
    """Install, or write what would be applied. Returns: the exit code."""
    values = given_values(files, settings)
    if only_render:
        click.echo(render(values, namespace), nl=False)
        return OK

    async def work(api: ObjectApi) -> int:
        wanted = everything(values, namespace)
        await refuse_helms(api, wanted)
        await _tell(apply_all(api, wanted))
        with trio.move_on_after(timeout) as scope:
            await wait_serving(api, wanted)
        if scope.cancelled_caught:
            raise CommandError(f"control does not serve after {timeout:g} s", f"kubectl -n {namespace} describe pods")
        click.echo("control serves")
        return OK

    return on_cluster(kubeconfig, work)


def run_upgrade(
    namespace: str, kubeconfig: str, files: Sequence[Path], settings: Sequence[str], *, only_check: bool, timeout: float
) -> int:
    """Apply to what is there, or tell what would change. Returns: the exit code."""
    values = given_values(files, settings)

    async def check(api: ObjectApi) -> int:
        wanted = everything(values, namespace)
        await _make_sure_it_is_there(api, values, namespace)
        await refuse_helms(api, wanted)
        if not await _tell(changes(api, wanted)):
            click.echo("nothing would change")
        return OK

    async def there(api: ObjectApi) -> int:
        await _make_sure_it_is_there(api, values, namespace)
        return OK

    if only_check:
        return on_cluster(kubeconfig, check)
    on_cluster(kubeconfig, there)
    return run_install(namespace, kubeconfig, files, settings, only_render=False, timeout=timeout)


def run_uninstall(namespace: str, kubeconfig: str, files: Sequence[Path], settings: Sequence[str], *, purge: bool) -> int:
    """Remove. Returns: the exit code."""
    values = given_values(files, settings)

    async def work(api: ObjectApi) -> int:
        installed = manifests(values, namespace)
        await refuse_helms(api, installed)
        gone = await _tell(delete_all(api, installed))
        if purge:
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": _SECRET, "namespace": namespace}}
            rest = [namespace_manifest(namespace), *definitions(), secret, *await left_behind(api)]
            gone += await _tell(delete_all(api, rest))
        if not gone:
            click.echo("nothing was installed there")
        return OK

    return on_cluster(kubeconfig, work)


def given_values(files: Sequence[Path], settings: Sequence[str]) -> Values:
    """The values of the command line. Raises: CommandError, with every mistake."""
    try:
        return read_values([(str(path), path.read_bytes()) for path in files], settings)
    except ConfigErrors as refused:
        raise CommandError("\n".join([str(error) for error in refused.errors]), _CONFIGURATION) from None


def on_cluster(kubeconfig: str, work: Callable[[ObjectApi], Awaitable[int]]) -> int:
    """Do something with a cluster. Returns: what `work` returns. Raises: CommandError."""
    from hauberk_control.kubernetes.client import open_client
    from hauberk_control.kubernetes.errors import ApiError, NoCluster
    from hauberk_control.kubernetes.objects import Objects

    try:
        client = open_client(kubeconfig)
    except NoCluster as error:
        raise CommandError(str(error), "kubectl cluster-info") from None
    try:
        return trio.run(work, Objects(client))
    except ApiError as error:
        raise CommandError(str(error), "hauberk check") from None
    except HelmOwns as error:
        raise CommandError(str(error), "helm upgrade, or helm uninstall") from None
    finally:
        client.close()


async def _make_sure_it_is_there(api: ObjectApi, values: Values, namespace: str) -> None:
    (deployment,) = [one for one in manifests(values, namespace) if one["kind"] == "Deployment"]
    name = deployment["metadata"]["name"]
    if await api.get("apps/v1", "Deployment", namespace, name) is None:
        raise CommandError(f"there is no Deployment {namespace}/{name} to upgrade", "hauberk install")


async def _tell(several: AsyncIterator[Done]) -> int:
    """Write each as it is done. Returns: how many."""
    count = 0
    async for done in several:
        click.echo(f"{done.kind} {done.name} {done.what}")
        count += 1
    return count
