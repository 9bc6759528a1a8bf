"""The configuration of one proxy, as `hauberk proxy --config` reads it and `/config_dump` shows it."""

from typing import Final

from hauberk_core.model.schema import snapshot_schema
from hauberk_docs.structs import schema_page

_BEFORE: Final = """
What a proxy serves by: the file of `hauberk proxy --config`, and what control makes of resources.
[snapshot.schema.json](snapshot.schema.json) says the same to editors and programs. Members without a default have to be
written; others may be left out.
"""


def configuration_page() -> str:
    """The page, from the model by way of its schema."""
    return schema_page("Configuration of a proxy", _BEFORE, snapshot_schema())
