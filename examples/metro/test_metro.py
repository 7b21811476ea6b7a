import pytest

from metro import Network


@pytest.fixture
def network():
    network = Network()
    network.line("Airport", "Park", "Centre", "Harbour")
    network.line("Zoo", "Centre", "Museum")
    network.line("Airport", "Mill", "Fair", "Forest", "Harbour")
    network.line("Island", "Lighthouse")
    return network


def test_no_stop(network):
    assert network.distance("Zoo", "Zoo") == 0


def test_next_station(network):
    assert network.distance("Airport", "Park") == 1


def test_with_a_change(network):
    assert network.distance("Zoo", "Harbour") == 2


def test_both_ways(network):
    assert network.distance("Harbour", "Airport") == network.distance("Airport", "Harbour") == 3


def test_no_train(network):
    assert network.distance("Zoo", "Island") is None


def test_reachable(network):
    assert network.reachable("Island") == ["Island", "Lighthouse"]


def test_unknown_station(network):
    with pytest.raises(KeyError):
        network.stops("Atlantis")


def test_closed_station_is_not_reachable(network):
    assert network.distance("Airport", "Park", closed={"Park"}) is None


def test_the_way_round_a_closed_station(network):
    assert network.distance("Airport", "Harbour", closed={"Park"}) == 4


def test_what_is_left_when_the_centre_is_closed(network):
    assert network.reachable("Zoo", closed={"Centre"}) == ["Zoo"]


def test_a_closed_station_elsewhere_changes_nothing(network):
    assert network.distance("Zoo", "Harbour", closed={"Mill"}) == 2


def test_the_start_may_be_closed(network):
    assert network.distance("Zoo", "Centre", closed={"Zoo"}) == 1


def test_all_stations(network):
    assert len(network.stops("Airport")) == 9
