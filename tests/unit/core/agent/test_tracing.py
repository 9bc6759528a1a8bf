"""Where spans are exported every filter chain traces; where they are not, none does."""

from hauberk_core.agent.export.settings import ExportSettings, read_settings
from hauberk_core.agent.tracing import with_tracing
from hauberk_core.model import FilterChain, Listener, Snapshot
from hauberk_core.model.plugin import JsonObject, PluginConfig

OTHER = PluginConfig(plugin="authz", phase="authn", priority=-5)
OWN = PluginConfig(plugin="tracing", config=JsonObject.of({"sampler": "always_off"}))


def settings() -> ExportSettings:
    """A tenth is traced."""
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.1",
    }
    made, _ = read_settings(environ, "hauberk")
    assert made is not None
    return made


def snapshot(*chains: tuple[PluginConfig, ...]) -> Snapshot:
    """A listener with a filter chain for each tuple."""
    made = tuple(FilterChain(route_table="all", plugins=plugins) for plugins in chains)
    return Snapshot(listeners={"web": Listener(address="127.0.0.1:0", filter_chains=made)})


def plugins(snapshot: Snapshot) -> list[tuple[PluginConfig, ...]]:
    """Of each chain."""
    return [chain.plugins for chain in snapshot.listeners["web"].filter_chains]


def test_each_chain_traces_as_the_environment_says_before_everything_else() -> None:
    [first, second] = plugins(with_tracing(snapshot((), (OTHER,)), settings()))
    [tracing] = first
    assert tracing.plugin == "tracing"
    assert tracing.config.decode() == {"sampler": "parentbased_traceidratio", "ratio": 0.1}
    assert tracing.failure == "open"
    assert sorted(second, key=lambda plugin: plugin.priority) == [tracing, OTHER]


def test_a_chain_that_says_how_to_trace_is_left_alone() -> None:
    before = snapshot((OTHER, OWN))
    assert with_tracing(before, settings()) == before


def test_without_export_nothing_traces() -> None:
    assert plugins(with_tracing(snapshot((), (OWN,), (OTHER, OWN)), None)) == [(), (), (OTHER,)]


def test_what_is_changed_stays_equal_from_one_time_to_the_next() -> None:
    assert with_tracing(snapshot(()), settings()) == with_tracing(snapshot(()), settings())
