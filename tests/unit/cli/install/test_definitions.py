"""The definitions of our kinds say what the kinds are."""

from typing import Any, get_args

import msgspec

from hauberk_cli.install.objects.definitions import definitions
from hauberk_core.model.plugin import Phase
from hauberk_core.resources.hauberk.plugin_policy import PluginPolicySpec, PolicyTargetReference


def _spec() -> dict[str, Any]:
    (definition,) = definitions()
    (version,) = definition["spec"]["versions"]  # type: ignore[index]
    spec: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return spec


def _fields(struct: type[msgspec.Struct]) -> tuple[set[str], set[str]]:
    fields = msgspec.structs.fields(struct)
    return {field.encode_name for field in fields}, {field.encode_name for field in fields if field.required}


def test_fields_are_those_that_control_reads() -> None:
    spec = _spec()
    assert (set(spec["properties"]), set(spec["required"])) == _fields(PluginPolicySpec)
    target = spec["properties"]["targetRefs"]["items"]
    assert (set(target["properties"]), set(target["required"])) == _fields(PolicyTargetReference)


def test_phases_are_those_of_the_plugin_api() -> None:
    assert set(_spec()["properties"]["phase"]["enum"]) == set(get_args(Phase))
