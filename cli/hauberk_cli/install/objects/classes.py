"""GatewayClasses: by naming one, a Gateway says that it is to be served here."""

from hauberk_cli.install.expressions import Every, Value
from hauberk_cli.install.objects.naming import Part, head
from hauberk_control.translate.view import BUILT_IN_CLASSES, CONTROLLER


def class_parts() -> list[Part]:
    """One each, in the one installation that has what is cluster-wide."""
    return [
        Part(
            {
                **head("gateway.networking.k8s.io/v1", "GatewayClass", name, namespaced=False),
                "spec": {"controllerName": CONTROLLER, "description": "Gateways served by hauberk"},
            },
            Every(Value("clusterWide"), Value(f"gatewayClasses.{name}")),
        )
        for name in BUILT_IN_CLASSES
    ]
