#!/usr/bin/env python3
"""Any octets are no AdmissionReview, or are answered by a valid one; nothing that is asked breaks the webhook."""

import contextlib
import json
import sys
import zlib
from pathlib import Path

try:
    import atheris
except ImportError:
    atheris = None

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

# Only what is imported in here tells atheris of its branches.
with atheris.instrument_imports(include=["hauberk_control.inject"]) if atheris else contextlib.nullcontext():
    from admission_reviews import check as answered
    from admission_reviews import places, replaced, review
    from harness import run  # type: ignore[import-not-found]
    from injection_cases import load

POD = (
    b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"CREATE","namespace":"shop",'
    b'"resource":{"version":"v1","resource":"pods"},"object":{"metadata":{"annotations":{'
)
PARTS = (
    POD,
    POD,
    POD,
    *(
        b'"traffic.sidecar.istio.io/includeInboundPorts":"80"',
        b'"sidecar.istio.io/proxyCPU":"1"',
        b'"sidecar.istio.io/userVolume":"{\\"a\\":{}}"',
        b'"proxy.istio.io/config":"concurrency: 2"',
        b'"proxy.istio.io/config":"&a [*a]"',
        b'"inject.istio.io/templates":"gateway"',
        b'"prometheus.io/scrape":"true"',
    ),
    *(
        b"}},",
        b'}},"spec":{',
        b'}},"spec":{"containers":[{"name":"a"}]}}}}',
        b'"containers":[',
        b'"initContainers":[',
        b'{"name":"a"},',
        b'{"name":"hauberk-proxy","image":"auto"},',
        b'{"name":"b","livenessProbe":{"httpGet":{"port":80}}}',
        b'"volumes":[{"name":"v"}],',
        b'"env":[{"name":"HAUBERK_PROBES","value":"{"}],',
        b'"hostNetwork":true,',
        b"]}}}}",
    ),
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"null", b"true", b"1", b"-1", b"1e999", b'"\\ud800"', b"\xff", b"9" * 40),
    b"[" * 600,
    b'{"a":' * 600,
)


WHOLE = review(load("probes").pod)
PLACES = places(WHOLE)


def check(octets: bytes) -> None:
    """Ask with the octets as they are, and with a sound review in which they stand for some value."""
    answered(octets)
    try:
        value = json.loads(octets)
    except (ValueError, RecursionError):
        value = octets.decode("latin-1")
    place = PLACES[zlib.crc32(octets) % len(PLACES)]
    answered(json.dumps(replaced(WHOLE, place, value)).encode())


if __name__ == "__main__":
    run(check, PARTS)
