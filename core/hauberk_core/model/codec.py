"""The configuration's two written forms: JSON for people and files, MessagePack between agent and worker.

Workers import this module for the second form only; what the first one needs is imported where it is used.
"""

from typing import Final

import msgspec

from hauberk_core.model.cluster import Cluster
from hauberk_core.model.duration import Duration
from hauberk_core.model.errors import ConfigError, ConfigErrors
from hauberk_core.model.listener import Listener
from hauberk_core.model.plugin import JsonObject
from hauberk_core.model.route import RouteTable
from hauberk_core.model.snapshot import AccessLog, Snapshot
from hauberk_core.model.transport import Certificate

Resource = Listener | RouteTable | Cluster | Certificate | AccessLog
"""What travels from agent to worker by itself."""

KINDS: Final[dict[str, type[Resource]]] = {
    "listener": Listener,
    "route_table": RouteTable,
    "cluster": Cluster,
    "certificate": Certificate,
    "access_log": AccessLog,
}


def decode_snapshot(data: bytes, origin: str) -> Snapshot:
    """Read a snapshot from JSON text.

    Only the form is checked here, not whether names refer to anything: see `check.check_snapshot`.

    Args: origin - the file's name, or whatever tells a person where the text came from.
    Raises: ConfigErrors, with every mistake of form and its place.
    """
    import json

    from hauberk_core.model.document import LARGEST_DOCUMENT, MOST_ERRORS, Document
    from hauberk_core.model.shape import check_shape

    if len(data) > LARGEST_DOCUMENT:
        message = f"the document has {len(data)} octets; at most {LARGEST_DOCUMENT} are read"
        raise ConfigErrors([ConfigError(origin=origin, message=message, hint="split the configuration over several proxies")])
    try:
        snapshot = _FROM_JSON.decode(data)
        json.loads(data, object_pairs_hook=_refuse_duplicates)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        reason = str(error)
    else:
        return snapshot
    document = Document(data, origin)
    errors = (document.duplicates + check_shape(document, Snapshot))[:MOST_ERRORS]
    if not errors:
        # The decoder is the judge. Where it is stricter than our own walk, its words are better than none.
        errors = [document.error_at(0, (), reason, "hold the document against the schema: hauberk config schema")]
    raise ConfigErrors(sorted(errors, key=lambda error: (error.line, error.column)))


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """A snapshot as indented JSON, ending in a line break. Members stand in the model's order, named resources in their own;
    what equals its default is left out, so that equal snapshots give equal text."""
    import json

    return json.dumps(to_plain(snapshot), indent=2, ensure_ascii=False).encode() + b"\n"


def encode_resource(value: Resource) -> bytes:
    """One resource as MessagePack, for a worker."""
    return _TO_MSGPACK.encode(value)


def decode_resource(kind: str, data: bytes) -> Resource:
    """Read what `encode_resource` wrote.

    Args: kind - one of KINDS.
    Raises: KeyError for another kind; msgspec.MsgspecError if agent and worker are not of one version.
    """
    return _FROM_MSGPACK[kind].decode(data)


def _refuse_duplicates(members: list[tuple[str, object]]) -> dict[str, object]:
    by_name = dict(members)
    if len(by_name) != len(members):
        raise ValueError("a name stands twice in one object")
    return by_name


def to_plain(value: object) -> object:
    """A value of the model as what `json` can write, without what equals its default. As deep as the types."""
    if isinstance(value, msgspec.Struct):
        members: dict[str, object] = {}
        for field in msgspec.structs.fields(value):
            own = getattr(value, field.name)
            default = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
            if field.required or own != default:
                members[field.encode_name] = to_plain(own)
        return members
    if isinstance(value, dict):
        return {name: to_plain(value[name]) for name in sorted(value)}
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, Duration):
        return str(value)
    if isinstance(value, JsonObject):
        return value.decode()
    return value


def _from_json(wanted: type, value: object) -> object:
    if wanted is Duration and isinstance(value, str):
        return Duration.parse(value)
    if wanted is JsonObject:
        return JsonObject.of(value)
    raise ValueError(f"expected {wanted.__name__}")


def _to_msgpack(value: object) -> object:
    if isinstance(value, Duration):
        return str(value)
    if isinstance(value, JsonObject):
        # As text: MessagePack has no whole numbers beyond 64 bits, JSON does.
        return value.text
    raise TypeError(f"the model holds a {type(value).__name__}, which has no written form")


def _from_msgpack(wanted: type, value: object) -> object:
    if isinstance(value, str):
        if wanted is Duration:
            return Duration.parse(value)
        if wanted is JsonObject:
            return JsonObject(value)
    raise ValueError(f"expected {wanted.__name__}")


_FROM_JSON: Final = msgspec.json.Decoder(Snapshot, dec_hook=_from_json)
_TO_MSGPACK: Final = msgspec.msgpack.Encoder(enc_hook=_to_msgpack)
_FROM_MSGPACK: Final = {kind: msgspec.msgpack.Decoder(struct, dec_hook=_from_msgpack) for kind, struct in KINDS.items()}
