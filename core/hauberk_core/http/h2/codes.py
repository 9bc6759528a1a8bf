"""The numbers of HTTP/2 (RFC 9113 sections 4, 6, 7 and 11; RFC 8441), and how a connection ends by them."""

from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

# Frame types.
DATA_FRAME: Final = 0
HEADERS_FRAME: Final = 1
PRIORITY_FRAME: Final = 2
RST_STREAM_FRAME: Final = 3
SETTINGS_FRAME: Final = 4
PUSH_PROMISE_FRAME: Final = 5
PING_FRAME: Final = 6
GOAWAY_FRAME: Final = 7
WINDOW_UPDATE_FRAME: Final = 8
CONTINUATION_FRAME: Final = 9

# Flags.
END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITY: Final = 0x20

# Settings.
HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
MAX_CONCURRENT_STREAMS: Final = 3
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5
MAX_HEADER_LIST_SIZE: Final = 6
# RFC 8441 section 3.
ENABLE_CONNECT_PROTOCOL: Final = 8

# Error codes.
NO_ERROR: Final = 0
PROTOCOL_ERROR: Final = 1
INTERNAL_ERROR: Final = 2
FLOW_CONTROL_ERROR: Final = 3
STREAM_CLOSED: Final = 5
FRAME_SIZE_ERROR: Final = 6
REFUSED_STREAM: Final = 7
CANCEL: Final = 8
COMPRESSION_ERROR: Final = 9
CONNECT_ERROR: Final = 10
ENHANCE_YOUR_CALM: Final = 11

# What holds until a peer's SETTINGS say otherwise; also the smallest that a peer may ask for (section 6.5.2).
DEFAULT_FRAME_SIZE: Final = 16384
DEFAULT_WINDOW: Final = 65535
LARGEST_FRAME_SIZE: Final = (1 << 24) - 1
LARGEST_WINDOW: Final = (1 << 31) - 1
LARGEST_STREAM: Final = (1 << 31) - 1


_CODE_NAMES: Final = (
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
)


def code_name(code: int) -> str:
    """An error code's name (section 7), or its number where it has none."""
    return _CODE_NAMES[code] if code < len(_CODE_NAMES) else str(code)


class ConnectionFault(Exception):
    """The peer broke a rule after which nothing on the connection can be trusted (section 5.4.1). Stays inside the machines."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(detail)
        self.code: Final = code
        self.detail: Final = detail
