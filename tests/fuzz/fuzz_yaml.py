#!/usr/bin/env python3
"""Any octets are objects or mistakes with their places, as YAML and as JSON; what was read is written and read back unchanged."""

import contextlib
import time

try:
    import atheris
except ImportError:
    atheris = None

# Only what is imported in here tells atheris of its branches.
with (
    atheris.instrument_imports(include=["hauberk_core.resources", "hauberk_core.model"]) if atheris else contextlib.nullcontext()
):
    import msgspec
    from harness import Finding, run  # type: ignore[import-not-found]

    from hauberk_core.resources.part import Ignored
    from hauberk_core.resources.read import ReadFile, read_file

# One input may take this long before it counts as an attack on the reader's time; typical are 2 ms.
LONGEST_SECONDS = 5.0

ROUTE = b"""apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, labels: &labels {app: a}}
spec:
  hostnames: [a.test]
  rules:
  - matches: [{path: {type: PathPrefix, value: /a}}]
    timeouts: {request: 10s}
    backendRefs: [{name: a, port: 80}]
"""
SERVICE = b"""apiVersion: v1
kind: Service
metadata:
  name: a
spec:
  ports:
  - port: 80
    targetPort: web
  selector: {app: a}
"""
OTHERS = (
    b"apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: p}\nspec: {mtls: {mode: STRICT}}\n",
    b"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: YQ==}\nstringData: {b: |-\n",
    b"apiVersion: v1\nkind: List\nitems:\n- ",
    b'{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}\n',
    (
        b"apiVersion: hauberk.dev/v1alpha1\nkind: PluginPolicy\nmetadata: {name: p}\n"
        b"spec: {plugin: x, targetRefs: [{group: '', kind: Service, name: a}], config: {a: [1, {b: null}]}}\n"
    ),
)
PIECES = (
    *(
        b"---\n",
        b"...\n",
        b"--- ",
        b"%YAML 1.1\n",
        b"- ",
        b"? ",
        b": ",
        b"  ",
        b"\t",
        b"\n",
        b"\r",
        b"# c\n",
        b"{",
        b"}",
        b"[",
        b"]",
    ),
    *(
        b",",
        b"|",
        b">-\n",
        b"'",
        b'"',
        b"\\",
        b"!!str ",
        b"!x ",
        b"&a ",
        b"*a",
        b"*labels",
        b"<<: ",
        b"<<: *labels\n",
        b"null",
        b"~",
    ),
    *(
        b"true",
        b"0o7",
        b"0x1F",
        b"1e999",
        b".inf",
        b"9" * 200,
        b"5 minutes",
        b"metadata:\n",
        b"spec:\n",
        b"port: 0\n",
        b"name: A\n",
    ),
    *(
        b"\xff",
        b"\xef\xbb\xbf",
        b"\x00",
        b"\xc2\x85",
        b"\xe2\x80\xa8",
        b"\xed\xa0\x80",
        "é".encode(),
        b"[" * 80,
        b"- " * 80,
        b"{a: " * 80,
    ),
    (
        b"a: &a [x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b]\n"
        b"d: &d [*c, *c, *c, *c, *c, *c, *c, *c]\ne: &e [*d, *d, *d, *d, *d, *d, *d, *d]\nf: &f [*e, *e, *e, *e, *e, *e, *e]\n"
    ),
)


def check(octets: bytes) -> None:
    """Read as both notations, and what was read once more."""
    for origin in ("x.yaml", "x.json"):
        began = time.monotonic()
        read = read_file(octets, origin)
        if time.monotonic() - began > LONGEST_SECONDS:
            raise Finding(f"took longer than {LONGEST_SECONDS} s")
        check_errors(read, octets)
        for value, _, _, _ in read.objects:
            again = read_file(msgspec.json.encode(value, enc_hook=plain), "again.json")
            if again.errors or [item.value for item in again.objects] != [value]:
                raise Finding(f"{value!r} was written and read as {again!r}")


def check_errors(read: ReadFile, octets: bytes) -> None:
    """Each mistake names a place that the file has, and says what to do."""
    for error in read.errors:
        if not error.message or not error.hint or len(str(error)) > 4000:
            raise Finding(f"says too little or too much: {error}")
        if not 1 <= error.line <= octets.count(b"\n") + 1 or not 1 <= error.column <= len(octets) + 1:
            raise Finding(f"no such place: {error}")


def plain(value: object) -> object:
    """What is no JSON by itself, as it is written."""
    decode = getattr(value, "decode", None)
    return decode() if decode else None if isinstance(value, Ignored) else str(value)


if __name__ == "__main__":
    run(check, (ROUTE, SERVICE, *OTHERS, *PIECES))
