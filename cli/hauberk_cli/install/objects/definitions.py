"""The definition of our own kind: what the API server takes for a PluginPolicy, before control reads it."""

from collections.abc import Mapping
from typing import Final

from hauberk_control.status.rollout import POLICY_PROGRAMMED
from hauberk_control.translate.plugin_versions import LONGEST_VERSIONS
from hauberk_core.resources import PluginPolicy

_PLURAL: Final = "pluginpolicies"
_TEXT: Final = {"type": "string"}
_NAME: Final = {"type": "string", "minLength": 1, "maxLength": 253}


def definitions() -> list[Mapping[str, object]]:
    """CustomResourceDefinitions. They stay when the rest is uninstalled: with them would go what users wrote."""
    names = {
        "kind": PluginPolicy.KIND,
        "listKind": f"{PluginPolicy.KIND}List",
        "plural": _PLURAL,
        "singular": "pluginpolicy",
        "categories": ["hauberk"],
    }
    return [
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{_PLURAL}.{PluginPolicy.GROUP}", "labels": {"app.kubernetes.io/name": "hauberk"}},
            "spec": {
                "group": PluginPolicy.GROUP,
                "names": names,
                "scope": "Namespaced",
                "versions": [_version(PluginPolicy.VERSIONS[0])],
            },
        }
    ]


def _version(name: str) -> Mapping[str, object]:
    schema = {
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": _TEXT,
            "kind": _TEXT,
            "metadata": {"type": "object"},
            "spec": _spec(),
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    columns = [
        {"name": "Plugin", "type": "string", "jsonPath": ".spec.plugin"},
        {"name": "Phase", "type": "string", "jsonPath": ".spec.phase"},
        {"name": "Accepted", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Accepted")].status'},
        {"name": "Programmed", "type": "string", "jsonPath": f'.status.conditions[?(@.type=="{POLICY_PROGRAMMED}")].status'},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]
    return {
        "name": name,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
        "additionalPrinterColumns": columns,
    }


def _spec() -> Mapping[str, object]:
    target = {
        "type": "object",
        "required": ["group", "kind", "name"],
        "properties": {"group": _TEXT, "kind": _NAME, "name": _NAME, "sectionName": _NAME},
    }
    return {
        "type": "object",
        "required": ["targetRefs", "plugin"],
        "properties": {
            "targetRefs": {"type": "array", "minItems": 1, "maxItems": 16, "items": target},
            "plugin": _NAME,
            "version": {"type": "string", "maxLength": LONGEST_VERSIONS},
            "phase": {"type": "string", "enum": ["authn", "authz", "admission", "traffic", "stats"]},
            "priority": {"type": "integer", "minimum": -1_000_000, "maximum": 1_000_000},
            "failure": {"type": "string", "enum": ["open", "closed"]},
            "timeout": _TEXT,
            "config": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
