"""Our messages are Envoy's on the wire, and can be loaded beside other people's."""

import dataclasses
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.struct_pb2 import Struct

from hauberk_core.wire_proto.discovery_pb2 import (
    DESCRIPTOR,
    ControlPlane,
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    Node,
    Resource,
    Status,
)

with warnings.catch_warnings():
    # It uses what its own library calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from envoy_data_plane.envoy.config.core.v3 import ControlPlane as EnvoyControlPlane
    from envoy_data_plane.envoy.config.core.v3 import Node as EnvoyNode
    from envoy_data_plane.envoy.service.discovery.v3 import DeltaDiscoveryRequest as EnvoyRequest
    from envoy_data_plane.envoy.service.discovery.v3 import DeltaDiscoveryResponse as EnvoyResponse
    from envoy_data_plane.envoy.service.discovery.v3 import Resource as EnvoyResource
    from envoy_data_plane.google.protobuf import Any as EnvoyAny
    from envoy_data_plane.google.rpc import Status as EnvoyStatus


def _request() -> DeltaDiscoveryRequest:
    metadata = Struct()
    metadata.update({"hauberk.dev/node": "{}", "depth": 1.5, "list": [True, None]})
    return DeltaDiscoveryRequest(
        node=Node(id="reviews-1", cluster="default", metadata=metadata, user_agent_name="hauberk", user_agent_version="1.2"),
        type_url="type.test/a",
        resource_names_subscribe=["a", "b/c"],
        resource_names_unsubscribe=["d"],
        initial_resource_versions={"cluster/books": "17", "e": ""},
        response_nonce="n1",
        error_detail=Status(code=3, message="no"),
    )


def _response() -> DeltaDiscoveryResponse:
    body = Any(type_url="type.test/cluster", value=b"\0\xff octets")
    return DeltaDiscoveryResponse(
        system_version_info="v7",
        resources=[Resource(version="1", name="cluster/books", resource=body), Resource(version="2", name="empty")],
        type_url="type.test/a",
        nonce="n2",
        removed_resources=["x", "y"],
        control_plane=ControlPlane(identifier="control-1"),
    )


def test_envoy_reads_our_request() -> None:
    read = EnvoyRequest.parse(_request().SerializeToString())

    assert read.node is not None
    assert (read.node.id, read.node.cluster, read.node.user_agent_name) == ("reviews-1", "default", "hauberk")
    assert read.node.user_agent_version == "1.2"
    assert read.node.metadata is not None
    assert set(read.node.metadata.fields) == {"hauberk.dev/node", "depth", "list"}
    assert (read.type_url, read.response_nonce) == ("type.test/a", "n1")
    assert read.resource_names_subscribe == ["a", "b/c"]
    assert read.resource_names_unsubscribe == ["d"]
    assert read.initial_resource_versions == {"cluster/books": "17", "e": ""}
    assert read.error_detail is not None
    assert (read.error_detail.code, read.error_detail.message) == (3, "no")


def test_envoy_reads_our_response() -> None:
    read = EnvoyResponse.parse(_response().SerializeToString())

    assert (read.system_version_info, read.type_url, read.nonce) == ("v7", "type.test/a", "n2")
    assert read.removed_resources == ["x", "y"]
    assert [(resource.name, resource.version) for resource in read.resources] == [("cluster/books", "1"), ("empty", "2")]
    assert read.resources[0].resource is not None
    assert read.resources[0].resource.type_url == "type.test/cluster"
    assert read.resources[0].resource.value == b"\0\xff octets"
    assert read.control_plane is not None
    assert read.control_plane.identifier == "control-1"


def test_nothing_of_ours_is_unknown_to_envoy() -> None:
    for ours, theirs in ((_request(), EnvoyRequest), (_response(), EnvoyResponse)):
        written = bytes(theirs.parse(ours.SerializeToString()))
        assert type(ours).FromString(written) == ours


def test_we_read_what_envoy_writes() -> None:
    request = EnvoyRequest(
        node=EnvoyNode(id="n", cluster="c", user_agent_name="envoy"),
        type_url="t",
        resource_names_subscribe=["*"],
        resource_names_unsubscribe=["u"],
        initial_resource_versions={"a": "1"},
        response_nonce="9",
        error_detail=EnvoyStatus(code=13, message="broken"),
    )
    response = EnvoyResponse(
        system_version_info="s",
        resources=[EnvoyResource(name="a", version="1", resource=EnvoyAny(type_url="x", value=b"y"))],
        type_url="t",
        removed_resources=["r"],
        nonce="2",
        control_plane=EnvoyControlPlane(identifier="i"),
    )

    assert DeltaDiscoveryRequest.FromString(bytes(request)) == DeltaDiscoveryRequest(
        node=Node(id="n", cluster="c", user_agent_name="envoy"),
        type_url="t",
        resource_names_subscribe=["*"],
        resource_names_unsubscribe=["u"],
        initial_resource_versions={"a": "1"},
        response_nonce="9",
        error_detail=Status(code=13, message="broken"),
    )
    assert DeltaDiscoveryResponse.FromString(bytes(response)) == DeltaDiscoveryResponse(
        system_version_info="s",
        resources=[Resource(name="a", version="1", resource=Any(type_url="x", value=b"y"))],
        type_url="t",
        removed_resources=["r"],
        nonce="2",
        control_plane=ControlPlane(identifier="i"),
    )


def test_fields_have_envoys_numbers() -> None:
    theirs: dict[str, type] = {
        "Node": EnvoyNode,
        "Status": EnvoyStatus,
        "DeltaDiscoveryRequest": EnvoyRequest,
        "DeltaDiscoveryResponse": EnvoyResponse,
        "Resource": EnvoyResource,
        "ControlPlane": EnvoyControlPlane,
    }
    assert set(DESCRIPTOR.message_types_by_name) == set(theirs)
    for message, original in theirs.items():
        numbers = {field.metadata["betterproto"].number: field.name for field in dataclasses.fields(original)}
        for ours in DESCRIPTOR.message_types_by_name[message].fields:
            assert numbers.get(ours.number) == ours.name, f"{message}.{ours.name}"


def test_messages_load_beside_those_of_other_libraries() -> None:
    program = (
        "import envoy_data_plane.envoy.service.discovery.v3\n"
        "import hauberk_core.wire_proto.discovery_pb2\n"
        "import hauberk_core.wire_proto.istio_ca_pb2\n"
        "import opentelemetry.proto.collector.trace.v1.trace_service_pb2\n"
    )
    for order in (program, "\n".join(reversed(program.splitlines()))):
        done = subprocess.run([sys.executable, "-c", order], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["discovery", "istio_ca"])
def test_the_committed_module_is_what_the_compiler_makes(name: str, repository: Path, tmp_path: Path) -> None:
    protoc = pytest.importorskip("grpc_tools.protoc")
    file = f"hauberk_core/wire_proto/{name}.proto"
    well_known = Path(protoc.__file__).parent / "_proto"
    includes = [f"-I{repository / 'core'}", f"-I{well_known}"]
    status = protoc.main(["protoc", *includes, f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", file])

    assert status == 0
    for suffix in ("_pb2.py", "_pb2.pyi"):
        made = (tmp_path / file.replace(".proto", suffix)).read_text()
        assert made == (repository / "core" / file.replace(".proto", suffix)).read_text(), "run make protos"
