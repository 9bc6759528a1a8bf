"""What every proxy's container has, beside what the proxy reads."""

from hauberk_control.proxy_pod import environment, readiness_probe, security_context, startup_probe, volume_mounts, volumes
from hauberk_control.proxy_settings import CertificateAuthority, ProxyLimits, ProxySettings
from hauberk_core import pod


def test_the_environment_says_who_and_where() -> None:
    settings = ProxySettings(control="control.mesh.svc", trust_domain="example.org", revision="next", workers=2)
    told = {one["name"]: one.get("value") for one in environment(settings, "web")}
    assert told[pod.CONTROL] == "control.mesh.svc"
    assert told[pod.TRUST_DOMAIN] == "example.org"
    assert told[pod.REVISION] == "next"
    assert told[pod.WORKLOAD] == "web"
    assert told[pod.WORKERS] == "2"
    by_pod = {one["name"] for one in environment(settings, "web") if "valueFrom" in one}
    assert by_pod == {pod.POD_NAME, pod.POD_NAMESPACE, pod.POD_IP, pod.POD_IPS, pod.SERVICE_ACCOUNT, pod.NODE_NAME}


def test_limits_are_told_where_they_are_given() -> None:
    names = (pod.CONNECTION_LIMIT, pod.STREAM_LIMIT, pod.MEMORY_LIMIT, pod.DELAY_LIMIT)
    silent = {one["name"] for one in environment(ProxySettings(), "web")}
    assert silent.isdisjoint(names)
    limits = ProxyLimits(connections=500, streams=0, memory="200Mi", loop_delay="250ms")
    told = {one["name"]: one.get("value") for one in environment(ProxySettings(limits=limits), "web")}
    assert [told[name] for name in names] == ["500", "0", "200Mi", "250ms"]


def test_every_volume_is_mounted_where_the_proxy_looks() -> None:
    assert {one["name"] for one in volumes(ProxySettings())} == {one["name"] for one in volume_mounts()}
    folders = {one["mountPath"] for one in volume_mounts()}
    assert folders == {pod.TOKEN_FOLDER, pod.ROOT_FOLDER, pod.POD_FOLDER, pod.STATE_FOLDER}
    writable = [one["mountPath"] for one in volume_mounts() if not one.get("readOnly")]
    assert writable == [pod.STATE_FOLDER]


def test_a_proxy_has_no_rights() -> None:
    rights = security_context()
    assert rights["capabilities"] == {"drop": ["ALL"]}
    assert rights["runAsNonRoot"] is rights["readOnlyRootFilesystem"] is True
    assert rights["runAsUser"] == rights["runAsGroup"] == pod.PROXY_UID


def test_the_kubelet_asks_where_the_proxy_answers() -> None:
    for probe in (startup_probe(), readiness_probe()):
        assert probe["httpGet"] == {"path": pod.READY_PATH, "port": pod.READY_PORT, "scheme": "HTTP"}


def test_somebody_else_may_sign() -> None:
    settings = ProxySettings(certificate_authority=CertificateAuthority(address="csr.cert-manager.svc:443", audience="them"))
    told = {one["name"]: one.get("value") for one in environment(settings, "web")}
    assert told[pod.CA_ADDRESS] == "csr.cert-manager.svc:443"
    assert pod.CA_ADDRESS not in {one["name"] for one in environment(ProxySettings(), "web")}
    for given, audience in ((settings, "them"), (ProxySettings(), pod.TOKEN_AUDIENCE)):
        assert f"'audience': '{audience}'" in str(volumes(given))
