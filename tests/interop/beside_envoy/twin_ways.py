"""The listeners that both proxies have: the same routes, to endpoints of either version, with paths normalised in each manner."""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True)
class Way:
    """One listener."""

    name: str
    http2: bool = False
    """Endpoints speak HTTP/2 with prior knowledge; else HTTP/1.1."""
    paths: Literal["none", "base", "merge_slashes", "decode_and_merge_slashes"] = "none"
    """Istio's mode of path normalisation, in hauberk's spelling."""

    def envoy_paths(self) -> dict[str, object]:
        """What Istio tells Envoy for that mode."""
        settings: dict[str, object] = {}
        if self.paths != "none":
            settings["normalize_path"] = True
        if self.paths in {"merge_slashes", "decode_and_merge_slashes"}:
            settings["merge_slashes"] = True
        if self.paths == "decode_and_merge_slashes":
            settings["path_with_escaped_slashes_action"] = "UNESCAPE_AND_FORWARD"
        return settings


PLAIN: Final = "plain"
TO_HTTP2: Final = "to-http2"
WAYS: Final = (
    Way(PLAIN),
    Way(TO_HTTP2, http2=True),
    Way("base", paths="base"),
    Way("merge_slashes", paths="merge_slashes"),
    Way("decode_and_merge_slashes", paths="decode_and_merge_slashes"),
)
