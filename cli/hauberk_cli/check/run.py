"""Runs the checks of a cluster."""

import datetime as dt

import trio

from hauberk_cli.check.checks import run_checks
from hauberk_cli.check.cluster import ClusterChecks
from hauberk_cli.check.report import Report
from hauberk_cli.errors import CommandError
from hauberk_cli.exit_codes import CHECK_FAILED, OK
from hauberk_control.kubernetes.client import open_client
from hauberk_control.kubernetes.errors import NoCluster
from hauberk_control.kubernetes.objects import Objects


def run_check(namespace: str, kubeconfig: str, *, only_before: bool, as_json: bool) -> int:
    """Check, and tell. Returns: the exit code."""
    try:
        client = open_client(kubeconfig)
    except NoCluster as error:
        raise CommandError(str(error), "kubectl cluster-info") from None
    checks = ClusterChecks(client, Objects(client), namespace, dt.datetime.now(dt.UTC))
    report = Report(as_json=as_json)

    async def work() -> None:
        async for outcome in run_checks(checks.groups(before=only_before)):
            report.take(outcome)

    try:
        trio.run(work)
    finally:
        client.close()
    report.finish()
    return OK if report.is_well else CHECK_FAILED
