"""Manifests as YAML."""

from hypothesis import given
from hypothesis import strategies as st

from hauberk_cli.install.expressions import Text, Value
from hauberk_cli.install.yaml_text import write_yaml
from hauberk_core.resources.one_document import read_one_document

_WORDS = st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12)
_LEAVES = st.one_of(
    st.booleans(), st.integers(-(2**40), 2**40), _WORDS, st.sampled_from(["yes", "No", "null", "~", "1e3", "0x1", "a: b"])
)
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_WORDS, inner, max_size=4)), max_leaves=20
)


@given(st.dictionaries(_WORDS, _VALUES, min_size=1, max_size=5))
def test_what_is_written_reads_as_what_it_was(manifest: dict[str, object]) -> None:
    assert read_one_document(write_yaml(manifest).encode(), "manifest") == manifest


def test_it_looks_as_people_write_it() -> None:
    manifest = {"kind": "Service", "spec": {"ports": [{"port": 80, "name": "http"}], "labels": {}, "on": "on"}}
    assert write_yaml(manifest) == ('kind: Service\nspec:\n  ports:\n  - port: 80\n    name: http\n  labels: {}\n  "on": "on"\n')


def test_expressions_are_for_helm() -> None:
    manifest = {"name": Text("control", Value("suffix")), "list": [Value("a.b")]}
    assert write_yaml(manifest) == (
        'name: {{ (printf "control%v" .Values.suffix) | toJson }}\nlist:\n- {{ .Values.a.b | toJson }}\n'
    )
