"""What a cluster's mesh said, kept for whoever looks for the reason of a failure."""

from pathlib import Path

from kubectl import kubectl

_MOST_LINES = "2000"


def collect_logs(folder: Path) -> None:
    """Write logs of control and of every proxy, the pods' states and the events into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pods.txt").write_text(kubectl("get", "pods", "-A", "-o", "wide").out)
    (folder / "events.txt").write_text(kubectl("get", "events", "-A", "--sort-by=.lastTimestamp").out)
    (folder / "gateways.yaml").write_text(kubectl("get", "gateways,httproutes", "-A", "-o", "yaml").out)
    pods = kubectl("get", "pods", "-A", "-o", "json").objects()[0]["items"]
    for pod in pods:
        spec, metadata = pod["spec"], pod["metadata"]
        for container in [*spec.get("initContainers", ()), *spec["containers"]]:
            if "hauberk" in container["image"]:
                name = f"{metadata['namespace']}.{metadata['name']}.{container['name']}.log"
                said = kubectl(
                    "logs", "-n", metadata["namespace"], metadata["name"], "-c", container["name"], "--tail", _MOST_LINES
                )
                (folder / name).write_text(said.out or said.err)
