"""Injects the pods and pod templates in files, without a cluster; everything else passes octet by octet."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from hauberk_control.inject.decide import NAMESPACE_INJECTION, REVISION, Namespace
from hauberk_control.inject.inject import Cluster, Injected, Skipped, inject
from hauberk_control.inject.json_object import JsonObject
from hauberk_control.inject.patch import Operation
from hauberk_control.inject.pod_view import PodMalformed
from hauberk_control.inject.wishes import InjectionRefused
from hauberk_control.proxy_settings import ProxySettings
from hauberk_core.model.errors import ConfigError, ConfigErrors, Path
from hauberk_core.model.tree import Tree
from hauberk_core.resources.yaml import YamlText
from hauberk_core.resources.yaml_edit import Edit, edit_document

_POD_TEMPLATE: Final = ("spec", "template")
# Where a kind keeps its pod.
_TEMPLATES: Final[Mapping[str, Path]] = {
    "Pod": (),
    "Deployment": _POD_TEMPLATE,
    "ReplicaSet": _POD_TEMPLATE,
    "ReplicationController": _POD_TEMPLATE,
    "StatefulSet": _POD_TEMPLATE,
    "DaemonSet": _POD_TEMPLATE,
    "Job": _POD_TEMPLATE,
    "CronJob": ("spec", "jobTemplate", *_POD_TEMPLATE),
}


class Note(NamedTuple):
    """What became of one object that has a pod."""

    name: str
    """`deployment/reviews`."""
    injected: bool
    text: str
    """Why it stays as it is; of an injected one a warning, or nothing."""


class InjectedText(NamedTuple):
    """A file with its pods injected."""

    text: str
    notes: list[Note]


class _Found(NamedTuple):
    """An object that has a pod."""

    path: Path
    """Of its pod, in the document."""
    name: str
    workload: str | None
    namespace: str
    pod: object


class ManifestInjector:
    """Injects files by one mesh's settings."""

    def __init__(self, settings: ProxySettings, cluster: Cluster, namespace: str) -> None:
        """Prepare. Args: namespace - of objects that name none."""
        self._settings: Final = settings
        self._cluster: Final = cluster
        self._namespace: Final = namespace
        self._namespaces: Final[dict[str, Namespace]] = {}

    def note_namespaces(self, data: bytes, origin: str) -> None:
        """Remember the labels of a file's Namespaces, for the pods of all files. Raises: ConfigErrors."""
        text = YamlText.of(data, origin)
        for start, end in text.pieces():
            for document in _sound(text, start, end):
                for item, _ in _objects(document.root.plain(), ()):
                    if item.get("kind") == "Namespace":
                        metadata = _member(item, "metadata")
                        labels, annotations = (_texts(_member(metadata, name)) for name in ("labels", "annotations"))
                        name = str(metadata.get("name"))
                        self._namespaces[name] = Namespace(name, labels, annotations)

    def inject_text(self, data: bytes, origin: str) -> InjectedText:
        """Inject what a file holds. Args: origin - its name. Raises: ConfigErrors, with every mistake."""
        text = YamlText.of(data, origin)
        notes: list[Note] = []
        errors: list[ConfigError] = []
        written: list[str] = []
        position = 0
        for start, end in text.pieces():
            edits: list[Edit] = []
            for document in _sound(text, start, end):
                edits += self._edits(document, notes, errors)
            written.append(text.text[position:start])
            written.append(edit_document(text.text[start:end], edits) if edits else text.text[start:end])
            position = end
        if errors:
            raise ConfigErrors(errors)
        written.append(text.text[position:])
        return InjectedText("".join(written), notes)

    def _edits(self, document: Tree, notes: list[Note], errors: list[ConfigError]) -> list[Edit]:
        edits: list[Edit] = []
        for found in _pods(document.root.plain(), self._namespace):
            try:
                result = self._inject(found)
            except InjectionRefused as refused:
                for mistake in refused.mistakes:
                    path = (*found.path, *mistake.path)
                    errors.append(document.error_at(document.offset_of(path), path, mistake.message, mistake.hint))
                continue
            except PodMalformed as error:
                message, hint = f"{found.name} has no sound pod: {error}", "compare it with Kubernetes' reference"
                errors.append(document.error_at(document.offset_of(found.path), found.path, message, hint))
                continue
            if isinstance(result, Injected):
                notes += [Note(found.name, True, text) for text in ("", *result.warnings)]
                edits += [_edit(found.path, operation) for operation in result.patch]
            else:
                notes.append(Note(found.name, False, result.reason))
        return edits

    def _inject(self, found: _Found) -> Injected | Skipped:
        if not isinstance(found.pod, dict):
            raise PodMalformed("it is no object")
        return inject(found.pod, self._namespace_of(found), self._settings, self._cluster, found.workload)

    def _namespace_of(self, found: _Found) -> Namespace:
        """The namespace as far as the files tell it. One that says nothing of injection asks for it: so does the user."""
        known = self._namespaces.get(found.namespace, Namespace(found.namespace, {}, {}))
        if NAMESPACE_INJECTION.of(known.labels) or REVISION.of(known.labels):
            return known
        return known._replace(labels={**known.labels, REVISION.ours: self._settings.revision})


def _sound(text: YamlText, start: int, end: int) -> list[Tree]:
    """The documents of a piece. Raises: ConfigErrors."""
    documents = list(text.documents(start, end))
    errors = [error for document in documents for error in document.errors]
    if errors:
        raise ConfigErrors(errors)
    return [document.tree for document in documents if document.tree is not None]


def _objects(value: object, path: Path) -> Iterator[tuple[JsonObject, Path]]:
    """The objects of a document, lists taken apart."""
    if not isinstance(value, dict):
        return
    items = value.get("items")
    if str(value.get("kind", "")).endswith("List") and isinstance(items, list):
        for position, item in enumerate(items):
            if isinstance(item, dict):
                yield item, (*path, "items", position)
    else:
        yield value, path


def _pods(value: object, namespace: str) -> Iterator[_Found]:
    for item, path in _objects(value, ()):
        kind = item.get("kind")
        template = _TEMPLATES.get(kind) if isinstance(kind, str) else None
        if template is None:
            continue
        metadata = _member(item, "metadata")
        name = metadata.get("name") or metadata.get("generateName") or "unnamed"
        yield _Found(
            (*path, *template),
            f"{str(kind).lower()}/{name}",
            str(name) if template else None,
            str(metadata.get("namespace") or namespace),
            _at(item, template),
        )


def _member(value: JsonObject, name: str) -> JsonObject:
    """An object's member that is an object itself; an empty one where it is not."""
    member = value.get(name)
    return member if isinstance(member, dict) else {}


def _texts(value: JsonObject) -> dict[str, str]:
    return {name: text for name, text in value.items() if isinstance(text, str)}


def _edit(path: Path, operation: Operation) -> Edit:
    """A step of a pod's patch, as a change of the document that holds the pod."""
    assert operation.op != "test"
    return Edit(operation.op, (*path, *operation.steps()), operation.value)


def _at(value: object, path: Path) -> object:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value
