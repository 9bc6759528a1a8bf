"""Overlays merge as people know it from kubectl."""

from hauberk_control.gateways.overlay import overlaid

BASE: dict[str, object] = {
    "spec": {
        "replicas": 2,
        "template": {"spec": {"containers": [{"name": "proxy", "image": "a", "env": [{"name": "A", "value": "1"}]}]}},
        "args": ["x", "y"],
    }
}


def test_objects_merge_and_null_removes() -> None:
    assert overlaid(BASE, {"spec": {"replicas": None, "paused": True}})["spec"] == {
        "template": {"spec": {"containers": [{"name": "proxy", "image": "a", "env": [{"name": "A", "value": "1"}]}]}},
        "args": ["x", "y"],
        "paused": True,
    }


def test_lists_with_names_merge_by_them() -> None:
    containers = [{"name": "proxy", "env": [{"name": "B", "value": "2"}, {"name": "A", "value": "3"}]}, {"name": "beside"}]
    merged = overlaid(BASE, {"spec": {"template": {"spec": {"containers": containers}}}})
    assert merged["spec"]["template"]["spec"]["containers"] == [  # type: ignore[index]
        {"name": "proxy", "image": "a", "env": [{"name": "A", "value": "3"}, {"name": "B", "value": "2"}]},
        {"name": "beside"},
    ]


def test_service_ports_merge_by_number() -> None:
    merged = overlaid({"ports": [{"port": 80, "name": "http"}]}, {"ports": [{"port": 80, "nodePort": 30080}, {"port": 81}]})
    assert merged["ports"] == [{"port": 80, "name": "http", "nodePort": 30080}, {"port": 81}]


def test_other_lists_are_replaced() -> None:
    assert overlaid(BASE, {"spec": {"args": ["z"]}})["spec"]["args"] == ["z"]  # type: ignore[index]


def test_the_base_stays_as_it_is() -> None:
    before = repr(BASE)
    overlaid(BASE, {"spec": {"template": {"spec": {"containers": [{"name": "proxy", "image": "b"}]}}}})
    assert repr(BASE) == before


def test_an_overlay_of_another_shape_wins() -> None:
    assert overlaid({"a": [1]}, {"a": {"b": None, "c": 1}}) == {"a": {"c": 1}}
    assert overlaid({"ports": "x"}, {"ports": [{"port": 1}]}) == {"ports": [{"port": 1}]}
    assert overlaid({"ports": ["x"]}, {"ports": ["y"]}) == {"ports": ["x", "y"]}
