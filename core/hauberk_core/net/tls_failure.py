"""Why TLS failed, in words for whoever has to do something about it."""

from typing import Final

from mypy_extensions import mypyc_attr

# By OpenSSL's names for its reasons.
_MEANINGS: Final = {
    "APPLICATION_DATA_AFTER_CLOSE_NOTIFY": "octets of the peer crossed the end of the connection and are lost",
    "HTTPS_PROXY_REQUEST": "the peer speaks HTTP in the clear, not TLS",
    "HTTP_REQUEST": "the peer speaks HTTP in the clear, not TLS",
    "NO_SHARED_CIPHER": "the peer offers no cipher that is accepted here",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "the peer shows no certificate, and one is required",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the peer refuses our certificate",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the peer refuses the handshake: it wants other ciphers or versions, or a certificate of us",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the peer requires a certificate of us",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the peer refuses the TLS versions offered",
    "TLSV1_ALERT_UNKNOWN_CA": "the peer does not believe the authority of our certificate",
    "TLSV1_UNRECOGNIZED_NAME": "the peer does not serve this server name",
    "UNEXPECTED_EOF_WHILE_READING": "the peer ended the connection without close_notify",
    "UNSUPPORTED_PROTOCOL": "the peer offers no TLS version that is accepted here",
    "WRONG_VERSION_NUMBER": "the peer does not speak TLS",
}


@mypyc_attr(native_class=False)
class CertificateRefused(OSError):
    """The peer's certificate, or that it has none, is why the handshake failed here."""


def failure_of(reason: str) -> OSError:
    """The error that stands for one of OpenSSL's reasons, for example `NO_SHARED_CIPHER`."""
    meaning = _MEANINGS.get(reason)
    text = f"TLS failed: {meaning or reason.lower().replace('_', ' ')}"
    return CertificateRefused(text) if reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE" else OSError(text)


def truncated() -> OSError:
    """The error of a connection that ended without close_notify."""
    return OSError(_MEANINGS["UNEXPECTED_EOF_WHILE_READING"])
