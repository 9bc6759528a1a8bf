"""Files are injected as the webhook would inject their pods; what has no pod passes octet by octet."""

import textwrap
from typing import Any

import msgspec
import pytest
import yaml
from injection_cases import Case, load, names, output
from json_patch import apply_patch

from hauberk_control.inject.inject import Cluster, Injected
from hauberk_control.inject.manifests import InjectedText, ManifestInjector, Note
from hauberk_control.proxy_settings import ProxySettings
from hauberk_core.model.errors import ConfigErrors

INJECTED = [name for name in names() if output(load(name)).startswith("warnings")]
POD: dict[str, Any] = {"containers": [{"name": "app", "image": "example.com/app:1"}]}


def inject_text(text: str, case: Case | None = None) -> InjectedText:
    settings, cluster = (ProxySettings(), Cluster()) if case is None else (case.settings, case.cluster)
    injector = ManifestInjector(settings, cluster, "default")
    injector.note_namespaces(text.encode(), "shop.yaml")
    return injector.inject_text(text.encode(), "shop.yaml")


@pytest.mark.parametrize("name", INJECTED)
def test_a_pod_is_injected_as_the_webhook_does_it(name: str) -> None:
    case = load(name)
    labels, annotations = dict(case.namespace.labels), dict(case.namespace.annotations)
    namespace = {"kind": "Namespace", "metadata": {"name": "shop", "labels": labels, "annotations": annotations}}
    result = inject_text(yaml.safe_dump_all([namespace, case.pod], sort_keys=False), case)
    by_webhook = case.run()
    assert isinstance(by_webhook, Injected)
    expected = apply_patch(case.pod, msgspec.to_builtins(by_webhook.patch))
    assert list(yaml.safe_load_all(result.text))[1] == expected
    # Also the order of members is the same.
    assert msgspec.json.encode(list(yaml.safe_load_all(result.text))[1]) == msgspec.json.encode(expected)
    assert [note.text for note in result.notes] == ["", *by_webhook.warnings]


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Deployment", ("spec", "template")),
        ("StatefulSet", ("spec", "template")),
        ("DaemonSet", ("spec", "template")),
        ("ReplicaSet", ("spec", "template")),
        ("Job", ("spec", "template")),
        ("CronJob", ("spec", "jobTemplate", "spec", "template")),
    ],
)
def test_templates(kind: str, path: tuple[str, ...]) -> None:
    whole: Any = {"spec": POD}
    for step in reversed(path):
        whole = {step: whole}
    result = inject_text(yaml.safe_dump({"kind": kind, "metadata": {"name": "reviews"}, **whole}))
    assert result.notes == [Note(f"{kind.lower()}/reviews", True, "")]
    template = yaml.safe_load(result.text)
    for step in path:
        template = template[step]
    proxy = template["spec"]["initContainers"][1]
    assert {"name": "HAUBERK_WORKLOAD", "value": "reviews"} in proxy["env"]


def test_what_has_no_pod_passes_octet_by_octet() -> None:
    others = "# first\n\n---\nkind:   Service  # odd\nmetadata: { name: a }\n---\n\n---\n# nothing\n"
    pod = "---\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: i}]}\n"
    last = "---\r\nkind: ConfigMap\r\ndata: {a: 'b'}"
    text = inject_text(others + pod + last).text
    assert text.startswith(others)
    assert text.endswith(last)
    assert text != others + pod + last
    assert inject_text(others + last).text == others + last


def test_what_is_injected_already_passes_octet_by_octet() -> None:
    once = inject_text(yaml.safe_dump({"kind": "Pod", "metadata": {"name": "p"}, "spec": POD})).text
    commented = once.replace("spec:", "spec: # mine", 1)
    assert inject_text(commented).text == commented


def test_lists_are_taken_apart() -> None:
    items = [{"kind": "Service", "metadata": {"name": "s"}}, {"kind": "Pod", "metadata": {"name": "p"}, "spec": POD}]
    result = inject_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items}, sort_keys=False))
    after = yaml.safe_load(result.text)["items"]
    assert after[0] == items[0]
    assert [each["name"] for each in after[1]["spec"]["initContainers"]] == ["hauberk-init", "hauberk-proxy"]


def test_a_namespace_in_the_file_has_its_say_wherever_it_stands() -> None:
    pod = {"kind": "Pod", "metadata": {"name": "p", "namespace": "off"}, "spec": POD}
    namespace = {"kind": "Namespace", "metadata": {"name": "off", "labels": {"istio-injection": "disabled"}}}
    text = yaml.safe_dump_all([pod, namespace])
    result = inject_text(text)
    assert result.text == text
    assert result.notes == [Note("pod/p", False, "the label istio-injection of the namespace off is 'disabled'")]


def test_pods_that_opt_out_or_that_are_never_injected() -> None:
    out = {"kind": "Pod", "metadata": {"name": "p", "labels": {"sidecar.istio.io/inject": "false"}}, "spec": POD}
    system = {"kind": "Pod", "metadata": {"name": "q", "namespace": "kube-system"}, "spec": POD}
    text = yaml.safe_dump_all([out, system])
    result = inject_text(text)
    assert result.text == text
    assert [note.injected for note in result.notes] == [False, False]


def test_every_mistake_is_told_with_its_place() -> None:
    text = textwrap.dedent(
        """\
        kind: Deployment
        metadata: {name: a}
        spec:
          template:
            metadata:
              annotations:
                sidecar.istio.io/proxyCPU: lots
            spec:
              containers: [{name: a, image: i}]
        ---
        kind: Pod
        metadata: {name: b}
        spec: {containers: 1}
        ---
        kind: Job
        metadata: {name: c}
        """
    )
    with pytest.raises(ConfigErrors) as refused:
        inject_text(text)
    first, second, third = refused.value.errors
    assert (first.line, first.column) == (7, 36)
    assert first.path == "spec.template.metadata.annotations['sidecar.istio.io/proxyCPU']"
    assert second.message == "pod/b has no sound pod: Expected `array`, got `int` - at `$.spec.containers`"
    assert (third.line, third.message) == (15, "job/c has no sound pod: it is no object")


def test_no_yaml() -> None:
    with pytest.raises(ConfigErrors):
        inject_text("kind: [\n")
