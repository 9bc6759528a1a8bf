"""Where a Gateway is reached."""

from hauberk_control.gateways.addresses import StatusAddress, WantedAddresses, gateway_addresses, wanted_addresses
from hauberk_core.resources import Gateway, Service
from hauberk_core.resources.read import read_file


def _gateway(addresses: str) -> Gateway:
    text = f"""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: edge, namespace: shop}}
spec:
  gatewayClassName: hauberk
  listeners: [{{name: http, port: 80, protocol: HTTP}}]
  addresses: {addresses}
"""
    read = read_file(text.encode(), "gateway.yaml")
    assert not read.errors
    (found,) = read.objects
    assert isinstance(found.value, Gateway)
    return found.value


def _service(spec: str, status: str = "{}") -> Service:
    text = f"apiVersion: v1\nkind: Service\nmetadata: {{name: edge-hauberk, namespace: shop}}\nspec: {spec}\nstatus: {status}\n"
    read = read_file(text.encode(), "service.yaml")
    assert not read.errors
    (found,) = read.objects
    assert isinstance(found.value, Service)
    return found.value


def test_nothing_is_asked_for() -> None:
    assert wanted_addresses(_gateway("[]")) == WantedAddresses()
    assert wanted_addresses(_gateway("[{type: IPAddress}, {}]")) == WantedAddresses()


def test_addresses_are_told_apart_by_type() -> None:
    wanted = wanted_addresses(_gateway("[{value: 10.97.200.1}, {type: example.com/pool, value: blue}]"))
    assert wanted == WantedAddresses(ips=("10.97.200.1",), unsupported=("example.com/pool",))
    assert not wanted.is_manual


def test_a_host_name_is_somebodys_own_service() -> None:
    wanted = wanted_addresses(
        _gateway("[{type: Hostname, value: ingress}, {type: Hostname, value: door.istio-system.svc.cluster.local}]")
    )
    assert wanted.services == (("shop", "ingress"), ("istio-system", "door"))
    assert wanted.is_manual


def test_a_load_balancers_addresses_count_once_it_has_some() -> None:
    ports = "ports: [{port: 80}], clusterIP: 10.96.0.7"
    waiting = _service(f"{{type: LoadBalancer, {ports}}}")
    assert gateway_addresses(WantedAddresses(), [waiting]).addresses == ()
    given = _service(
        f"{{type: LoadBalancer, {ports}}}",
        "{loadBalancer: {ingress: [{ip: 10.97.0.1, ipMode: VIP}, {hostname: lb.test}]}}",
    )
    assert gateway_addresses(WantedAddresses(), [given]).addresses == (
        StatusAddress("IPAddress", "10.97.0.1"),
        StatusAddress("Hostname", "lb.test"),
    )


def test_otherwise_the_clusters_own_count() -> None:
    service = _service("{type: ClusterIP, ports: [{port: 80}], clusterIP: 10.96.0.7, clusterIPs: [10.96.0.7, 'fd00::7']}")
    assert gateway_addresses(WantedAddresses(), [service]).addresses == (
        StatusAddress("IPAddress", "10.96.0.7"),
        StatusAddress("IPAddress", "fd00::7"),
    )
    assert gateway_addresses(WantedAddresses(), [_service("{clusterIP: None}")]).addresses == ()


def test_what_was_asked_for_and_not_given_is_told() -> None:
    given = _service(
        "{type: LoadBalancer, ports: [{port: 80}]}", "{loadBalancer: {ingress: [{ip: 10.97.200.1}, {ip: 'FD00:0::1'}]}}"
    )
    wanted = WantedAddresses(ips=("10.97.200.1", "192.0.2.1", "fd00::1"), unsupported=("example.com/pool",))
    found = gateway_addresses(wanted, [given])
    assert found.unusable == ("192.0.2.1",)
    assert found.unsupported == ("example.com/pool",)
    manual = WantedAddresses(services=(("shop", "ingress"),))
    assert gateway_addresses(manual, [None]).unusable == ("ingress.shop",)
