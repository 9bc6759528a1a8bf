"""VirtualServices as texts, among services and subsets that make them matter."""

from resource_scenarios import service, workload

DOMAIN = "default.svc.cluster.local"
REVIEWS = f"outbound|9080||reviews.{DOMAIN}"
V1 = f"outbound|9080|v1|reviews.{DOMAIN}"
V2 = f"outbound|9080|v2|reviews.{DOMAIN}"
RATINGS = f"outbound|9080||ratings.{DOMAIN}"
TABLE = "outbound|reviews.default:9080"
"""What a proxy goes by that has `OUTBOUND`."""
OUTBOUND = {"reviews.default:9080": 15001}
SUBSETS = """
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
"""
WORLD = (
    service("reviews")
    + service("ratings")
    + "".join([workload(f"reviews-{v}", 20000 + n, app="reviews", version=v, account="r") for n, v in enumerate(("v1", "v2"))])
    + workload("ratings-v1", 20009, app="ratings", account="ratings")
    + SUBSETS
)


def to(subset: str = "", host: str = "reviews", **more: object) -> str:
    """One of the destinations of a rule."""
    named = f", subset: {subset}" if subset else ""
    others = "".join([f", {name}: {value}" for name, value in more.items()])
    return f"{{destination: {{host: {host}{named}}}{others}}}"


def virtual_service(
    *rules: str,
    kind: str = "http",
    name: str = "reviews",
    namespace: str = "default",
    hosts: str = "reviews",
    more: str = "",
    created: str = "",
) -> str:
    """An object with rules, each as a flow mapping."""
    listed = "".join([f"\n  - {rule}" for rule in rules])
    when = f", creationTimestamp: '{created}'" if created else ""
    return f"""
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: {namespace}{when}}}
spec:
  hosts: [{hosts}]
  {more}
  {kind}:{listed}
"""
