"""The names that count on discovery's wire, and its bounds."""

from typing import Final

SERVICE: Final = "envoy.service.discovery.v3.AggregatedDiscoveryService"
METHOD: Final = "DeltaAggregatedResources"
METHOD_PATH: Final = f"/{SERVICE}/{METHOD}"

TYPE_PREFIX: Final = "type.hauberk.dev/"
# One subscription for all kinds: a proxy takes a step as a whole, and a response that holds all of it cannot be half there.
# What a resource is, says its own type URL: `type.hauberk.dev/` and its kind.
CONFIGURATION_TYPE: Final = f"{TYPE_PREFIX}configuration"
EVERYTHING: Final = "*"

# The node document, as JSON text, in the metadata of `Node`: a Struct's own numbers are floating, and ports are not.
NODE_FIELD: Final = "hauberk.dev/node"
# Beside it, a number: since when what the proxy brings along is in force there, in seconds since the epoch.
IN_FORCE_FIELD: Final = "hauberk.dev/in-force-since"

# What an agent can hand to a worker in one go (`agent.wire.LARGEST_FRAME`): more could not be served.
LARGEST_RESPONSE: Final = 64 * 1024 * 1024
