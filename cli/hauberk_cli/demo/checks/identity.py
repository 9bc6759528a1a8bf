"""Who talks to whom: mutual TLS on every hop between proxies, and nothing else."""

import ssl
from collections.abc import Iterator
from typing import Final, NamedTuple

import trio
from cryptography import x509
from prometheus_client.parser import text_string_to_metric_families

from hauberk_cli.demo.checks.outcome import Outcome
from hauberk_cli.demo.running import PORT, DemoWorkload, RunningDemo
from hauberk_cli.mesh.admin_page import admin_page
from hauberk_cli.mesh.free_ports import LOOPBACK

CALLERS: Final = {
    "productpage": "bookshop-hauberk",
    "details": "productpage",
    "reviews-v1": "productpage",
    "reviews-v2": "productpage",
    "reviews-v3": "productpage",
    "ratings": "reviews",
}
"""For each workload, the service account of the one that calls it."""
TRUST_DOMAIN: Final = "spiffe://cluster.local/ns/default/sa/"
_SECONDS: Final = 10.0


class _Served(NamedTuple):
    """Requests that a sidecar counted for its workload: by whom, as whom, how secured."""

    caller: str
    own: str
    policy: str


async def check_hops(demo: RunningDemo) -> Outcome:
    """The sidecar of each workload has seen only its callers, each with its own certificate, by mutual TLS."""
    wrong: list[str] = []
    requests = 0
    for name, workload in demo.workloads.items():
        page = await admin_page(workload.admin, "/stats/prometheus")
        expected = _Served(TRUST_DOMAIN + CALLERS[name], workload.member.identity, "mutual_tls")
        counted = dict(_served(page.text))
        requests += int(counted.get(expected, 0))
        wrong += [f"{name} served {served}" for served in counted if served != expected]
        if expected not in counted:
            wrong.append(f"{name} served nobody as it should")
    figures = f"{requests} requests over {len(CALLERS)} hops, each end known by its certificate"
    return Outcome("every hop between proxies is mTLS", not wrong, "; ".join(wrong) or figures)


def _served(exposition: str) -> Iterator[tuple[_Served, float]]:
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            labels = sample.labels
            # A request that was refused for its lack of a certificate is no hop.
            if sample.name == "istio_requests_total" and labels["reporter"] == "destination" and sample.value:
                policy = labels["connection_security_policy"]
                yield _Served(labels["source_principal"], labels["destination_principal"], policy), sample.value


async def check_certificates(demo: RunningDemo) -> Outcome:
    """Each sidecar shows a certificate of the mesh's authority that has its workload's identity, and speaks TLS 1.3."""
    wrong: list[str] = []
    for name, workload in demo.workloads.items():
        try:
            shown = await _shown_identity(workload, demo.authority())
        except (OSError, ssl.SSLError, trio.BrokenResourceError, trio.TooSlowError) as error:
            wrong.append(f"{name}: {error.__cause__ or error}")
            continue
        if shown != (workload.member.identity, "TLSv1.3"):
            wrong.append(f"{name} shows {shown}")
    figures = f"{len(demo.workloads)} sidecars, each with its own, by the mesh's authority"
    return Outcome("certificates are the workloads' own", not wrong, "; ".join(wrong) or figures)


async def _shown_identity(workload: DemoWorkload, authority: str) -> tuple[str, str]:
    """Raises: OSError, ssl.SSLError, trio.BrokenResourceError, trio.TooSlowError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=authority)
    with trio.fail_after(_SECONDS):
        tcp = await trio.open_tcp_stream(LOOPBACK, workload.member.ports.inbound[PORT][0])
        stream = trio.SSLStream(tcp, context)
        try:
            await stream.do_handshake()
            shown = stream.getpeercert(binary_form=True)
            version = str(stream.version())
        finally:
            await trio.aclose_forcefully(stream)
    certificate = x509.load_der_x509_certificate(shown)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return " ".join(names.get_values_for_type(x509.UniformResourceIdentifier)), version


async def check_plaintext(demo: RunningDemo) -> Outcome:
    """A client without TLS is reset by every sidecar, because the mesh is STRICT."""
    answers = {name: await _plaintext_answer(workload) for name, workload in demo.workloads.items()}
    wrong = [f"{name}: {answer}" for name, answer in answers.items() if answer != "reset"]
    return Outcome("plaintext to a STRICT workload is reset", not wrong, "; ".join(wrong) or f"by {len(answers)} sidecars")


async def _plaintext_answer(workload: DemoWorkload) -> str:
    with trio.move_on_after(_SECONDS):
        stream = await trio.open_tcp_stream(LOOPBACK, workload.member.ports.inbound[PORT][0])
        async with stream:
            try:
                await stream.send_all(b"GET /health HTTP/1.1\r\nHost: bookshop\r\n\r\n")
                data = await stream.receive_some(100)
            except trio.BrokenResourceError as error:
                return "reset" if isinstance(error.__cause__, ConnectionResetError) else f"broken ({error.__cause__})"
        return f"answered {data!r}" if data else "closed without a reset"
    return "no answer"
