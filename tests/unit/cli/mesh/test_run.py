"""What `hauberk run` tells the program, before anything is started."""

from pathlib import Path

import pytest

from hauberk_cli.exit_codes import NOT_STARTED, USAGE
from hauberk_cli.main import main
from hauberk_cli.mesh import run as run_module
from hauberk_cli.mesh.run import Workload, _Ports
from hauberk_control.local.messages import ServicePorts

SERVICES = [
    ServicePorts(name="details", namespace="default", ports=[9080]),
    ServicePorts(name="book-ratings.v2", namespace="default", ports=[9080, 9090]),
    ServicePorts(name="nothing", namespace="default", ports=[]),
    ServicePorts(name="billing", namespace="office", ports=[80]),
]


def _plan(*ports: int) -> _Ports:
    return _Ports(Workload("reviews", "v2", "default", "", ports, ("true",)), SERVICES)


def test_every_port_is_for_one_thing() -> None:
    plan = _plan(9080, 9081)
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


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--service", "web", "--port", "80"],
        ["--service", "web", "--", "true"],
        ["--port", "80", "--", "true"],
        ["--service", "web", "--port", "0", "--", "true"],
        ["--service", "web", "--port", "65536", "--", "true"],
    ],
)
def test_what_is_missing_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", *arguments]) == USAGE
    assert "hauberk run --help" in capsys.readouterr().err


def test_without_a_control_it_waits_a_while_and_tells_what_to_type(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "_AT_ONCE_SECONDS", 0.1)
    monkeypatch.setattr(run_module, "CONTROL_START_SECONDS", 0.2)
    assert main(["run", "--mesh", str(tmp_path), "--service", "web", "--port", "80", "--", "true"]) == NOT_STARTED
    told = capsys.readouterr().err
    assert f"waiting up to 0 s for the control of {tmp_path} to answer" in told
    assert f"type in another terminal: hauberk up {tmp_path}" in told
    assert f"start it with: hauberk up {tmp_path}" in told


@pytest.mark.parametrize("command", ["up", "control"])
@pytest.mark.parametrize("validity", ["soon", "25h", "1ms", "-1s"])
def test_a_validity_that_makes_no_sense_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, validity: str
) -> None:
    assert main([command, "--validity", validity, str(tmp_path)]) == USAGE
    assert "--validity" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["up", "control"])
def test_a_folder_that_is_not_there_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert main([command, str(tmp_path / "nowhere")]) == USAGE
    assert "nowhere" in capsys.readouterr().err
