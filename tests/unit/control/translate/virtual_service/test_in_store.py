"""What is kept from one store to the next, while VirtualServices and what they lead to come, change and go."""

from resource_scenarios import ask, sidecar_node, store_of, workload
from virtual_service_scenarios import OUTBOUND, REVIEWS, SUBSETS, TABLE, V1, V2, WORLD, to, virtual_service

from hauberk_control.store import Store
from hauberk_control.translate.translate import Translator, translate
from hauberk_core.model import Route

BY_SUBSET = virtual_service(f"{{route: [{to('v1')}]}}")
NODE = sidecar_node(outbound=OUTBOUND, http_proxy_port=15099)


def test_whatever_changes_a_translator_says_what_a_new_one_would() -> None:
    translator = Translator()
    steps = {
        "nothing": (WORLD, REVIEWS),
        "it comes": (WORLD + BY_SUBSET, V1),
        "it changes": (WORLD + virtual_service(f"{{route: [{to('v2')}]}}"), V2),
        "the subset goes": (WORLD.replace(SUBSETS, "") + BY_SUBSET, ""),
        "the subset comes": (WORLD + BY_SUBSET, V1),
        "an endpoint takes no TLS": (WORLD + BY_SUBSET + workload("reviews-v1b", 20070, app="reviews"), V1),
        "it goes": (WORLD, REVIEWS),
    }
    store = Store()
    for what, (text, cluster) in steps.items():
        wanted = store_of(text).objects
        # As a source makes the next store of the one before: kinds of which nothing has changed stay the same mappings.
        store = store.with_changes(
            {key: wanted.get(key) for key in {*wanted, *store.objects} if wanted.get(key) != store.objects.get(key)}
        )
        found, alone = translator.translate(store, NODE), translate(store, NODE)
        assert (found.snapshot, found.problems) == (alone.snapshot, alone.problems), what
        assert ask(found.snapshot, TABLE).cluster == cluster, what


def test_a_change_elsewhere_leaves_the_rules_as_they_are() -> None:
    translator = Translator()
    store = store_of(WORLD + BY_SUBSET)

    def rule(store: Store) -> Route:
        return translator.translate(store, NODE).snapshot.route_tables[TABLE].virtual_hosts[0].routes[0]

    before = rule(store)
    other = virtual_service(f"{{route: [{to(host='ratings')}]}}", name="ratings", hosts="ratings")
    assert rule(store.with_changes(store_of(other).objects)) is before
