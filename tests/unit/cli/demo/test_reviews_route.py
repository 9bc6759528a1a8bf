from importlib import resources
from pathlib import Path

import pytest

from hauberk_cli.demo.reviews_route import read_weights, replace_file, with_weights, without_versions

_MANIFEST = resources.files("hauberk_bookshop").joinpath("manifests", "reviews-route.yaml").read_text()


def test_weights_are_read_and_changed_where_a_person_would(tmp_path: Path) -> None:
    route = tmp_path / "reviews-route.yaml"
    route.write_text(_MANIFEST)
    assert read_weights(route) == (90, 5, 5)
    replace_file(route, with_weights(_MANIFEST, (0, 1, 200)))
    assert read_weights(route) == (0, 1, 200)
    assert [path.name for path in tmp_path.iterdir()] == ["reviews-route.yaml"]
    assert with_weights(route.read_text(), (90, 5, 5)) == _MANIFEST


def test_versions_give_way_to_their_common_service() -> None:
    text = without_versions(_MANIFEST)
    assert text.endswith("  - backendRefs:\n    - {name: reviews, port: 9080}\n")
    assert "reviews-v" not in text
    assert text.startswith(_MANIFEST[: _MANIFEST.index("  - backendRefs")])


def test_a_route_of_other_weights_is_told(tmp_path: Path) -> None:
    route = tmp_path / "reviews-route.yaml"
    route.write_text("weight: 1\nweight: 2\n")
    with pytest.raises(ValueError, match="not enough values"):
        read_weights(route)
