"""The seam through which a decision explains itself."""

from mypy_extensions import mypyc_attr

from hauberk_core.http.events import Request
from hauberk_core.model.decision import Decision
from hauberk_core.route.compiled import CompiledMatch, CompiledTable, CompiledVirtualHost


@mypyc_attr(allow_interpreted_subclasses=True)
class Recorder:
    """Is told how each decision came about. Traffic has none; `NearMisses` is the one that explains."""

    def decided(
        self,
        request: Request,
        table: CompiledTable,
        virtual_host: CompiledVirtualHost | None,
        winner: CompiledMatch | None,
        decision: Decision,
    ) -> None:
        """Note one decision.

        Args: virtual_host - None if the host is unknown. winner - None if no match took the request.
        """
        raise NotImplementedError
