"""What an installation's objects are called, and the labels on all of them."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from hauberk_cli.install.expressions import Expression, Helper, Namespace, Release, Text, Value
from hauberk_core.pod import DEFAULT_REVISION

NAME: Final = "hauberk-control"

NAMESPACE: Final = Namespace()
REVISION: Final = Value("revision")


class Part(NamedTuple):
    """An object, and whether there is one."""

    manifest: Mapping[str, object]
    condition: Expression | None = None
    """None: always."""


def _suffix(release: Release) -> object:
    revision = release.values["revision"]
    return "" if revision == DEFAULT_REVISION else f"-{revision}"


def _image(release: Release, which: str) -> object:
    image = release.values["image"]
    assert isinstance(image, Mapping)
    return f"{image['registry'] + '/' if image['registry'] else ''}{image[which]}:{image['tag']}"


def _image_template(which: str) -> str:
    registry = "{{ with .Values.image.registry }}{{ . }}/{{ end }}"
    return f"{registry}{{{{ .Values.image.{which} }}}}:{{{{ .Values.image.tag }}}}"


def _chosen_image(release: Release) -> object:
    return Value("proxy.image").resolve(release) or _image(release, "proxy")


def _pull_secrets(release: Release) -> object:
    names = Value("image.pullSecrets").resolve(release)
    assert isinstance(names, list)
    return [{"name": name} for name in names]


SUFFIX: Final = Helper(
    "hauberk.suffix", _suffix, f'{{{{ if ne .Values.revision "{DEFAULT_REVISION}" }}}}-{{{{ .Values.revision }}}}{{{{ end }}}}'
)
CONTROL_IMAGE: Final = Helper("hauberk.controlImage", lambda release: _image(release, "control"), _image_template("control"))
PROXY_IMAGE: Final = Helper("hauberk.proxyImage", lambda release: _image(release, "proxy"), _image_template("proxy"))
CHOSEN_IMAGE: Final = Helper(
    "hauberk.chosenImage",
    _chosen_image,
    f"{{{{ if .Values.proxy.image }}}}{{{{ .Values.proxy.image }}}}{{{{ else }}}}{_image_template('proxy')}{{{{ end }}}}",
)
"""What proxies run: ours, or another with plugins in it. Nobody else's runs as root on nodes, so that the CNI agent has ours."""
PULL_SECRETS: Final = Helper(
    "hauberk.pullSecrets",
    _pull_secrets,
    '{{ $found := list }}{{ range .Values.image.pullSecrets }}{{ $found = append $found (dict "name" .) }}{{ end }}'
    "{{ $found | toJson }}",
    is_list=True,
)
HELPERS: Final = (SUFFIX, CONTROL_IMAGE, PROXY_IMAGE, CHOSEN_IMAGE, PULL_SECRETS)

CONTROL_NAME: Final = Text(NAME, SUFFIX)
CONTROL_HOST: Final = Text(CONTROL_NAME, ".", NAMESPACE, ".svc")

SELECTOR: Final[Mapping[str, object]] = {"app": NAME, "hauberk.dev/rev": REVISION}
"""Of control's pods."""
LABELS: Final[Mapping[str, object]] = {
    **SELECTOR,
    "app.kubernetes.io/name": "hauberk",
    "app.kubernetes.io/component": "control",
}


def head(api_version: str, kind: str, name: object = CONTROL_NAME, *, namespaced: bool = True) -> dict[str, object]:
    """How an object begins."""
    place = {"namespace": NAMESPACE} if namespaced else {}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **place, "labels": LABELS}}
