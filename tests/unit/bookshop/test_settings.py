import pytest

from hauberk_bookshop.settings import SettingsError, read_settings


def test_without_any_variable_everything_is_on_loopback() -> None:
    settings = read_settings("productpage", {})
    assert (settings.details.host, settings.details.port, settings.details.hostname) == ("127.0.0.1", 9081, "127.0.0.1:9081")
    assert settings.version == "v1"
    assert settings.instance.startswith("productpage-v1-")
    assert (settings.fault_delay, settings.fault_rate) == (0.0, 0.0)


def test_an_address_in_the_form_of_kubernetes_and_a_host_name_beside_it() -> None:
    environment = {"REVIEWS_SERVICE_HOST": "10.1.2.3", "REVIEWS_SERVICE_PORT": "8080", "REVIEWS_HOSTNAME": "reviews.localhost"}
    reviews = read_settings("productpage", environment).reviews
    assert (reviews.host, reviews.port, reviews.hostname) == ("10.1.2.3", 8080, "reviews.localhost")


def test_an_empty_variable_is_as_good_as_none() -> None:
    settings = read_settings("reviews", {"RATINGS_SERVICE_HOST": "", "SERVICE_VERSION": "", "FAULT_RATE": ""})
    assert (settings.ratings.host, settings.version, settings.fault_rate) == ("127.0.0.1", "v1", 0.0)


def test_every_mistake_is_told_at_once() -> None:
    environment = {
        "SERVICE_VERSION": "v4",
        "DETAILS_SERVICE_PORT": "http",
        "REVIEWS_SERVICE_PORT": "70000",
        "FAULT_RATE": "1.5",
        "FAULT_DELAY": "nan",
    }
    with pytest.raises(SettingsError) as caught:
        read_settings("productpage", environment)
    told = str(caught.value).splitlines()
    assert len(told) == len(environment)
    assert {line.partition(" ")[0] for line in told} == set(environment)
