"""Where hauberk's verdict on a case of the corpora differs from the corpus's, and why: for the machines and for the proxy.

Nothing else may differ: the tests compare with these names exactly, so that a case that no longer differs has to go.
"""

from typing import Final

# http11probe: cases that expect a refusal and are not refused by a proxy's machines, each with the reason.
NOT_REFUSED: Final = {
    "COMP-METHOD-CONNECT": "CONNECT is understood; that nothing is configured for it is the routing's answer",
    "COMP-UPGRADE-INVALID-VER": "the version of WebSocket is the WebSocket server's business (RFC 6455 section 4.2.2)",
    "COMP-UNKNOWN-METHOD": "which methods exist is the origin server's business; a proxy forwards extension methods",
    "COMP-405-ALLOW": "405 is an origin server's answer",
    "COMP-LONG-URL-OK": "the case asks for anything but 414: a line of 8,000 octets is served",
    "SMUG-GET-CL-PREFIX-DESYNC": "a body that looks like a request is forwarded as a body; the next request is read rightly",
    "SMUG-GET-CL-BODY-DESYNC": "a GET may have a body; it is consumed, and the request behind it is understood rightly",
    "SMUG-OPTIONS-CL-BODY-DESYNC": "OPTIONS may have a body; it is consumed, and the next request is understood rightly",
    "SMUG-EXPECT-100-CL-DESYNC": "the body that came unasked is consumed, and the request behind it is understood rightly",
    "SMUG-CL0-BODY-POISON": "what follows an empty body is the next request, of the method XGET; nothing is out of step",
    "MAL-EMPTY-REQUEST": "a connection without a request is closed without an answer",
}

# Of these, the ones that the proxy around the machines refuses.
REFUSED_BY_PROXY: Final = {
    "COMP-METHOD-CONNECT": "501, because no route serves CONNECT",
    "MAL-EMPTY-REQUEST": "closed without an answer, which from outside is a refusal",
}

# http11probe: cases that expect an answer of 2xx and are refused.
NOT_ACCEPTED: Final = {
    "COMP-HTTP12-VERSION": "505: nothing is known of a version that nobody ever defined",
}

# gunicorn: invalid to it, yet forwarded.
FORWARDED: Final = {
    "invalid/006.http": "its request line is longer than gunicorn's limit, not than ours",
    "invalid/007.http": "its header is larger than the limit that the fixture configures",
    "invalid/008.http": "its header is larger than the limit that the fixture configures",
    "invalid/limit_header_default_01.http": "its header is larger than gunicorn's default limit, not than ours",
    "invalid/041.http": "two Content-Type fields are the recipient's business, not a hop's",
    "invalid/rfc9110_trailer_forbidden_cl_01.http": "the trailer is dropped, the request forwarded without it",
    "invalid/rfc9110_trailer_forbidden_host_01.http": "the trailer is dropped, the request forwarded without it",
    "invalid/rfc9110_trailer_forbidden_te_01.http": "the trailer is dropped, the request forwarded without it",
}

# gunicorn: valid to it with its default settings, yet refused for another reason than that Host is missing.
REFUSED: Final = {
    "valid/002.http": "a Host with `=` in it",
    "valid/003.http": "a Host with `=` in it",
    "valid/005.http": "a fragment in the target",
    "valid/009.http": "a fragment in the target",
    "valid/027.http": "octets above ASCII in the target",
    "valid/040.http": "names that imitate framing fields",
    "valid/099.http": "its body is shorter than announced",
    "valid/rfc9112_smuggle_gzip_chunked_01.http": "a transfer coding that is not served",
    "valid/rfc9112_smuggle_te_identity_chunked_01.http": "a transfer coding that is not served",
    "valid/rfc9112_target_absolute_https_01.http": "an https URL on a connection without TLS",
    "valid/rfc9112_target_absolute_userinfo_01.http": "user information in the target",
}

# llhttp: fixtures whose first requests are complete and forwarded; what llhttp refuses is what comes after them.
AFTER_CLOSE: Final = "Data after `Connection: close`"
