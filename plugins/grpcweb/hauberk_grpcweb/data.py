"""What grpcweb does to traffic: a call of gRPC-Web goes on as one of gRPC, and its answer comes back in gRPC-Web's form.

Everything else passes as it is, calls of gRPC too.
"""

from typing import Final

from hauberk_core.plugin.data import Exchange, Reason, Reply, SyncFilter
from hauberk_grpcweb.messages import TextDecoder, encode_text, trailers_frame

_NOTE: Final = "grpcweb"
_GRPC: Final = "application/grpc"
_WEB: Final = "application/grpc-web"
_TEXT: Final = "application/grpc-web-text"
# What stands behind the type where the client does not say: the encoding of messages that all have.
_USUAL: Final = "+proto"
_UNKNOWN: Final = "2"
# The client's fault, not the plugin's. In calls it is INTERNAL, as gRPC has it for what cannot be decoded.
_NO_BASE64: Final = Reply(400, b"the body of this gRPC-Web call is no base64\n", [], Reason.BAD_REQUEST)


class _Translation:
    """What is under way for one call."""

    __slots__ = ("answer_type", "decoder", "encodes", "is_answered")

    def __init__(self, answer_type: str, decoder: TextDecoder | None, encodes: bool) -> None:
        self.answer_type: Final = answer_type
        self.decoder: Final = decoder
        """For a request in base64."""
        self.encodes: Final = encodes
        """Whether the answer is wanted in base64."""
        self.is_answered = False
        """Whether the answer is gRPC's, and so to be translated."""


class GrpcWebFilter(SyncFilter):
    """Translates both ways."""

    __slots__ = ()

    def request(self, exchange: Exchange) -> Reply | None:
        headers = exchange.headers
        kind = _media_type(headers.get("content-type"))
        if not kind.startswith(_WEB):
            return None
        is_text = kind.startswith(_TEXT)
        subtype = kind[len(_TEXT) if is_text else len(_WEB) :]
        if subtype and not subtype.startswith("+"):
            return None
        accepted = _media_type(headers.get("accept"))
        encodes = accepted.startswith(_TEXT) if accepted.startswith(_WEB) else is_text
        answer_type = (_TEXT if encodes else _WEB) + (subtype or _USUAL)
        exchange.attributes[_NOTE] = _Translation(answer_type, TextDecoder() if is_text else None, encodes)
        exchange.become_call(_GRPC + subtype, answer_type)
        return None

    def request_body(self, exchange: Exchange, chunk: bytes, last: bool) -> bytes | Reply:
        translation = _translation(exchange)
        if translation is None or translation.decoder is None:
            return chunk
        try:
            return translation.decoder.decode(chunk, last)
        except ValueError:
            return _NO_BASE64

    def response(self, exchange: Exchange) -> Reply | None:
        translation = _translation(exchange)
        if translation is not None and _media_type(exchange.response_headers.get("content-type")).startswith(_GRPC):
            translation.is_answered = True
            exchange.response_headers.set("content-type", translation.answer_type)
        return None

    def response_body(self, exchange: Exchange, chunk: bytes, last: bool) -> bytes:
        translation = _translation(exchange)
        if translation is None or not translation.is_answered:
            return chunk
        if last:
            trailers = exchange.take_response_trailers()
            # An endpoint that sends none breaks gRPC's rules, and a client would wait for them.
            chunk += trailers_frame([("grpc-status", _UNKNOWN)] if trailers is None else trailers.items())
        return encode_text(chunk) if translation.encodes else chunk


def _translation(exchange: Exchange) -> _Translation | None:
    noted = exchange.record.attributes
    found = None if noted is None else noted.get(_NOTE)
    return found if isinstance(found, _Translation) else None


def _media_type(value: str | None) -> str:
    """Without parameters, in lower case."""
    return "" if value is None else value.partition(";")[0].strip().lower()
