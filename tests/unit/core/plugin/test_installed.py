from hauberk_core.plugin.installed import find_entry_points, switched_off


def test_names_are_switched_off_by_the_environment() -> None:
    assert switched_off({"HAUBERK_PLUGINS_OFF": "one, two,,"}) == {"one", "two"}
    assert switched_off({}) == frozenset()


def test_our_own_plugins_come_through_the_same_door() -> None:
    assert {"tracing"} <= {entry.name for entry in find_entry_points("hauberk.data")}
