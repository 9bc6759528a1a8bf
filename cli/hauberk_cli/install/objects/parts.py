"""Everything that an installation has, by the file of the chart that says it."""

from hauberk_cli.install.objects.access import access_parts
from hauberk_cli.install.objects.classes import class_parts
from hauberk_cli.install.objects.cni import cni_parts
from hauberk_cli.install.objects.control import SETTINGS, control_parts
from hauberk_cli.install.objects.injector import injector_parts
from hauberk_cli.install.objects.monitoring import monitoring_parts
from hauberk_cli.install.objects.naming import HELPERS, Part

ALL_HELPERS = (*HELPERS, SETTINGS)
"""Templates that others include."""


def installed_parts() -> dict[str, list[Part]]:
    """In the order in which they are applied: rights before the pods that need them, webhooks after these."""
    return {
        "access": access_parts(),
        "cni": cni_parts(),
        "control": control_parts(),
        "gateway-classes": class_parts(),
        "monitoring": monitoring_parts(),
        "injector": injector_parts(),
    }
