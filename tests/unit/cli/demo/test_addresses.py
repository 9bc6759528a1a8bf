"""Where the parts of the demo are, as a shell reads it."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from hauberk_bookshop.web import Handler, Request, Response
from hauberk_cli.demo.addresses import write_addresses
from hauberk_cli.demo.running import DemoWorkload, RunningDemo
from hauberk_cli.mesh.processes import Child
from hauberk_cli.mesh.proxy_child import ProxyChild
from hauberk_cli.mesh.workload import Member
from hauberk_cli.mesh.workload_ports import WorkloadPorts
from hauberk_control.local.messages import RegisterWorkload

MakeDemo = Callable[[Handler], Awaitable[RunningDemo]]


async def _nothing(request: Request) -> Response:
    return Response(404)


def _workload(folder: Path, name: str) -> DemoWorkload:
    ports = WorkloadPorts("default", (9080,), [])
    member = Member(
        folder, RegisterWorkload(service=name, name=name), ports, "", ProxyChild(name, list, folder / "log"), lambda _: folder
    )
    return DemoWorkload(member, Child(name, list, folder / "log"))


async def test_a_shell_that_reads_them_has_each_part_in_a_variable(make_demo: MakeDemo) -> None:
    demo = await make_demo(_nothing)
    reviews = _workload(demo.folder.root, "reviews-v2")
    demo.workloads["reviews-v2"] = reviews
    write_addresses(demo, "http://127.0.0.1:4318")
    read = f". {demo.folder.addresses}; echo $shop $traces $reviews_v2 $reviews_v2_admin $gateway_admin"
    shown = (await trio.run_process(["sh", "-eu", "-c", read], capture_stdout=True)).stdout.decode().split()
    inbound = reviews.member.ports.inbound[9080][0]
    port = demo.plan.http_port
    assert shown == [
        f"http://127.0.0.1:{port}",
        "http://127.0.0.1:4318",
        f"127.0.0.1:{inbound}",
        reviews.admin,
        f"127.0.0.1:{port}",
    ]


async def test_traces_that_are_shown_elsewhere_have_none(make_demo: MakeDemo) -> None:
    demo = await make_demo(_nothing)
    write_addresses(demo, "")
    assert "traces=" not in demo.folder.addresses.read_text()
