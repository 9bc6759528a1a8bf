"""What somebody says about an installation."""

import pytest

from hauberk_cli.install.reading import read_values
from hauberk_cli.install.values import Values, plain_values
from hauberk_core.model.errors import ConfigErrors


def test_nothing_said_means_the_defaults() -> None:
    assert read_values([]) == Values()
    assert read_values([("empty.yaml", b"# nothing\n")]) == Values()


def test_later_files_win_and_the_command_line_wins_over_them() -> None:
    first = b"control: {replicas: 2, nodeSelector: {a: b}}\nimage: {tag: one}\n"
    second = b"control: {replicas: 3, nodeSelector: {c: d}}\n"
    values = read_values([("1.yaml", first), ("2.yaml", second)], ["image.tag='2'", "webhook.enabled=false", "image.registry="])
    assert values.control.replicas == 3
    assert values.control.node_selector == {"a": "b", "c": "d"}
    assert values.image.tag == "2"
    assert values.image.registry == ""
    assert values.webhook.enabled is False


def test_what_a_file_does_not_say_stays_as_it_is() -> None:
    values = read_values([("1.yaml", b"control: {resources: {requests: {cpu: 1}}}")])
    assert values.control.resources.manifest() == {
        "requests": {"cpu": "1", "memory": "192Mi"},
        "limits": {"memory": "1Gi"},
    }


def test_lists_are_taken_as_a_whole() -> None:
    values = read_values([("1.yaml", b"image: {pullSecrets: [a, b]}")], ["image.pullSecrets=[c]"])
    assert values.image.pull_secrets == ("c",)


def test_all_mistakes_are_told_with_their_places() -> None:
    with pytest.raises(ConfigErrors) as refused:
        read_values([("mine.yaml", b"contrl: {}\nwebhook:\n  enabled: maybe\n")], ["image.tga=x"])
    places = [(error.origin, error.line) for error in refused.value.errors]
    assert places == [("mine.yaml", 1), ("mine.yaml", 3), ("--set", 1)]


@pytest.mark.parametrize("setting", ["control.replicas", "=2", "control..replicas=2", "control.replicas=[1"])
def test_a_setting_that_says_nothing_is_refused(setting: str) -> None:
    with pytest.raises(ConfigErrors):
        read_values([], [setting])


def test_plain_values_hold_every_default() -> None:
    plain = plain_values(Values())
    assert plain["revision"] == "default"
    assert plain["control"]["replicas"] == 1  # type: ignore[index]
    assert "replicas" not in plain["gateways"]  # type: ignore[operator]
