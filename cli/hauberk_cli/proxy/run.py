"""What `hauberk proxy` does once its options are known to go together."""

from pathlib import Path

import click

from hauberk_cli.errors import CommandError
from hauberk_cli.exit_codes import NOT_STARTED
from hauberk_cli.proxy.certificate import make_self_signed
from hauberk_cli.proxy.command import OneLine
from hauberk_cli.proxy.one_line import CERTIFICATE, Trust, absolute, build_snapshot
from hauberk_core.agent.agent import EXIT_FAILED, run_agent
from hauberk_core.agent.options import AgentOptions
from hauberk_core.agent.source import FileSource, Source, StaticSource
from hauberk_core.agent.wire import CertificatePem
from hauberk_core.model.address import Address
from hauberk_core.model.snapshot import AccessLog
from hauberk_core.model.transport import Certificate


def run_from_file(config: Path, workers: int, admin: str) -> int:
    """Serve what a file says until told to stop. Returns: the exit code."""
    if not config.exists():
        raise CommandError(f"the configuration {config} does not exist", "check the name, or begin with: hauberk config schema")
    return _run(FileSource(config), AgentOptions(workers=workers, admin=admin))


def run_one_line(one_line: OneLine, workers: int, admin: str) -> int:
    """Serve what the options say until told to stop. Returns: the exit code."""
    certificate, in_memory = _certificate(one_line)
    access_log = None
    if one_line.access_log != "off":
        file = absolute(one_line.access_log_file) or "/dev/stdout"
        access_log = AccessLog(file=file, format=one_line.access_log or "text")
    trust = Trust(not one_line.insecure, absolute(one_line.cacert))
    snapshot = build_snapshot(one_line.listen, one_line.upstream, certificate, trust, access_log)
    return _run(StaticSource(snapshot, certificates=in_memory), AgentOptions(workers=workers, admin=admin))


def _run(source: Source, options: AgentOptions) -> int:
    status = run_agent(source, options)
    if status == EXIT_FAILED:
        # The agent has told the reason in its log.
        click.echo("next: correct that, then run the same command again; hauberk proxy --help lists the options", err=True)
        return NOT_STARTED
    return status


def _certificate(one_line: OneLine) -> tuple[Certificate | None, dict[str, CertificatePem]]:
    """The certificate to listen with: from files, or made now and never written to any."""
    secure = [address for address in one_line.listen if address.scheme == "https"]
    if not secure:
        return None, {}
    if one_line.cert is not None:
        return Certificate(chain_file=absolute(one_line.cert), key_file=absolute(one_line.key)), {}
    made = make_self_signed([address.address.host for address in secure])
    click.echo(f"A self-signed certificate was made for {', '.join(made.names)}; its key stays in memory.", err=True)
    click.echo(f"  SHA-256 {made.fingerprint}", err=True)
    host, port = secure[0].address
    shown = str(Address(host or "localhost", port)) if port else "localhost:PORT"
    click.echo(f"  try: curl --insecure https://{shown}/   (use --cert and --key for a real one)", err=True)
    return Certificate(chain_file="in memory", key_file="in memory"), {CERTIFICATE: CertificatePem(made.chain, made.key)}
