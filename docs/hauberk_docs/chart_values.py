"""The values of the Helm chart, which are those of `hauberk install` too."""

from typing import Final

from hauberk_cli.install.chart import values_schema
from hauberk_docs.structs import schema_page

_BEFORE: Final = """
What may be said to `helm install hauberk deploy/charts/hauberk`, and to `hauberk install`: in a file (`--values FILE`), or one by
one (`--set control.replicas=2`). Whatever is not said is as it stands here.
"""


def chart_values_page() -> str:
    """The page, from the values by way of their schema."""
    return schema_page("Values of an installation", _BEFORE, values_schema())
