"""Rules by which Gateways and listeners choose the namespaces whose objects may attach."""

from collections.abc import Mapping

from hauberk_core.resources.gateway_api.gateway import RouteNamespaces


def chooses(rule: RouteNamespaces, own: str, other: str, namespaces: Mapping[str, dict[str, str]]) -> bool:
    """Whether an object of the namespace `other` may attach.

    Args: own - the namespace of whoever has the rule; namespaces - the labels of each that is known.
    """
    match rule.from_:
        case "All":
            return True
        case "Same":
            return other == own
        case "Selector":
            # Kubernetes gives every namespace this label.
            labels = {"kubernetes.io/metadata.name": other} | namespaces.get(other, {})
            return rule.selector is not None and rule.selector.matches(labels)
        case _:
            return False
