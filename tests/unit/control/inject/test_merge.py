"""What a pod says of a container wins over the template; lists are joined by what their items are known by."""

from hauberk_control.inject.json_object import JsonObject
from hauberk_control.inject.merge import merge


def test_the_pod_wins_member_by_member() -> None:
    template: JsonObject = {"image": "ours", "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}}}
    given: JsonObject = {"name": "p", "resources": {"requests": {"cpu": "1"}}}
    assert merge(template, given) == {
        "name": "p",
        "resources": {"requests": {"cpu": "1", "memory": "64Mi"}},
        "image": "ours",
    }


def test_variables_mounts_and_ports_are_joined_and_keep_their_order() -> None:
    template: JsonObject = {
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        "volumeMounts": [{"mountPath": "/a"}],
    }
    given: JsonObject = {"env": [{"name": "X", "value": "9"}, {"name": "B", "value": "3"}], "volumeMounts": [{"mountPath": "/b"}]}
    assert merge(template, given) == {
        "env": [{"name": "X", "value": "9"}, {"name": "B", "value": "3"}, {"name": "A", "value": "1"}],
        "volumeMounts": [{"mountPath": "/b"}, {"mountPath": "/a"}],
    }


def test_of_members_that_exclude_each_other_the_pods_stays_alone() -> None:
    template: JsonObject = {"readinessProbe": {"httpGet": {"port": 1}, "periodSeconds": 5}, "env": [{"name": "A", "value": "1"}]}
    given: JsonObject = {"readinessProbe": {"exec": {"command": ["true"]}}, "env": [{"name": "A", "valueFrom": {"fieldRef": {}}}]}
    assert merge(template, given) == {
        "readinessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 5},
        "env": [{"name": "A", "valueFrom": {"fieldRef": {}}}],
    }


def test_other_lists_are_the_pods() -> None:
    assert merge({"command": ["a", "b"]}, {"command": ["c"]}) == {"command": ["c"]}


def test_null_is_nothing() -> None:
    assert merge({"env": [{"name": "A"}]}, {"env": None, "x": None}) == {"env": [{"name": "A"}], "x": None}


def test_merging_the_result_again_changes_nothing() -> None:
    template: JsonObject = {
        "env": [{"name": "A", "value": "1"}],
        "ports": [{"containerPort": 1}],
        "lifecycle": {"postStart": {"exec": {}}},
    }
    once = merge(template, {"env": [{"name": "B"}], "lifecycle": {"preStop": {"sleep": {"seconds": 1}}}})
    assert merge(template, once) == once
