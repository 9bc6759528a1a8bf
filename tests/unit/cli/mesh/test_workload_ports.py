"""What a workload's program is told, before anything is started."""

from hauberk_cli.mesh.workload_ports import WorkloadPorts
from hauberk_control.local.messages import Ports

SERVICES = [
    Ports(name="details", namespace="default", ports=[9080]),
    Ports(name="book-ratings.v2", namespace="default", ports=[9080, 9090]),
    Ports(name="nothing", namespace="default", ports=[]),
    Ports(name="billing", namespace="office", ports=[80]),
]


def _plan(*ports: int) -> WorkloadPorts:
    return WorkloadPorts("default", ports, SERVICES)


def test_every_port_is_for_one_thing() -> None:
    plan = _plan(9080, 9081)
    assert plan.own() == [plan.inbound[9080][1], plan.inbound[9081][1]]
    used = [port for pair in plan.inbound.values() for port in pair]
    used += [*plan.outbound.values(), plan.http_proxy, plan.admin]
    assert len(used) == len(set(used)) == 4 + 4 + 2
    assert set(plan.inbound) == {9080, 9081}
    assert set(plan.outbound) == {
        "details.default:9080",
        "book-ratings.v2.default:9080",
        "book-ratings.v2.default:9090",
        "billing.office:80",
    }


def test_the_program_is_told_where_to_listen() -> None:
    plan = _plan(9080, 9081)
    variables = plan.variables()
    assert variables["PORT"] == variables["PORT_9080"] == str(plan.inbound[9080][1])
    assert variables["PORT_9081"] == str(plan.inbound[9081][1])


def test_it_is_told_where_services_of_its_namespace_are() -> None:
    plan = _plan(9080)
    variables = plan.variables()
    assert variables["DETAILS_SERVICE_HOST"] == variables["BOOK_RATINGS_V2_SERVICE_HOST"] == "127.0.0.1"
    assert variables["DETAILS_SERVICE_PORT"] == str(plan.outbound["details.default:9080"])
    assert variables["BOOK_RATINGS_V2_SERVICE_PORT"] == str(plan.outbound["book-ratings.v2.default:9080"])
    assert not [name for name in variables if name.startswith(("BILLING", "NOTHING"))]


def test_it_is_told_of_a_proxy_for_names_but_not_for_this_machine() -> None:
    plan = _plan(9080)
    variables = plan.variables()
    assert variables["HTTP_PROXY"] == variables["http_proxy"] == f"http://127.0.0.1:{plan.http_proxy}"
    assert variables["NO_PROXY"] == variables["no_proxy"] == "localhost,127.0.0.1,::1"
