"""What injection wrote into a pod is read as it was written; nonsense is nothing."""

from hauberk_core.injection_status import CapturedPorts, InjectionStatus, read_status
from hauberk_core.pod import STATUS_ANNOTATION


def test_written_and_read() -> None:
    status = InjectionStatus(revision="canary", containers=("hauberk-proxy",), captured=CapturedPorts("80", "22"))
    assert '"captured":{"included":"80","excluded":"22"}' in status.encode()
    assert read_status({STATUS_ANNOTATION: status.encode()}) == status


def test_absent_and_nonsense() -> None:
    assert read_status({}) is None
    for text in ("", "[]", "{", '{"captured": 1}', "\udcff"):
        assert read_status({STATUS_ANNOTATION: text}) is None
    assert read_status({STATUS_ANNOTATION: "{}"}) == InjectionStatus()
