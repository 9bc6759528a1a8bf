"""What the page on clients shows is what control makes of it."""

import re
from pathlib import Path

from resource_scenarios import gateway_node, store_of

from hauberk_control.translate import edge
from hauberk_control.translate.translate import translate
from hauberk_core.model.edge import Edge


def test_its_objects_say_what_it_says(repository: Path) -> None:
    page = (repository / "docs" / "how-to" / "know-the-client.md").read_text()
    gateway, mesh = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    translation = translate(store_of(gateway, "---\n" + mesh), gateway_node(name="default/shop", ports={}))
    assert translation.problems == ()
    [listener] = translation.snapshot.listeners.values()
    [chain] = listener.filter_chains
    assert chain.edge == Edge(trusted_proxies=("10.0.0.0/8", "192.168.7.9/32"))
    assert chain.path_normalization == "merge_slashes"
    for annotation in (edge.TRUSTED_HOPS, edge.TRUSTED_PROXIES, edge.ADDRESS_FIELD, edge.FORWARDED, edge.PROXY_CONFIG):
        assert f"`{annotation}`" in page
