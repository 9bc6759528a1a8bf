"""The reasons of answers that the proxy makes itself."""

from typing import Final

from hauberk_core.model.reason import Reason
from hauberk_docs.markdown import code, page, table

_BEFORE: Final = """
Whatever a proxy answers in an endpoint's place, or breaks off, has one reason of this list and no other. It stands in the
response header `hauberk-reason`, in the access log, in the metric `hauberk_local_answers_total`, on the span, and as Envoy's
response flag, where Envoy has one for it, in the label `response_flags` of `istio_requests_total`.
"""


def reasons_page() -> str:
    """The page, from the enumeration itself."""
    rows = [(code(reason.code), str(reason.status), code(reason.flag), reason.meaning) for reason in Reason]
    return page("Reasons", _BEFORE, table(("reason", "status", "flag", "what it means"), rows))
