import pytest

from bus import ANY, Bus


@pytest.fixture
def bus():
    return Bus()


@pytest.fixture
def seen():
    return []


def test_nobody_listens(bus):
    assert bus.publish("saved", 1) == 0


def test_listener_is_called(bus, seen):
    bus.subscribe("saved", seen.append)
    bus.publish("saved", 1)
    bus.publish("saved", 2)
    assert seen == [1, 2]


def test_other_topics_are_not_heard(bus, seen):
    bus.subscribe("saved", seen.append)
    bus.publish("closed", 1)
    assert seen == []


def test_listeners_are_called_in_their_order(bus, seen):
    bus.subscribe("saved", lambda event: seen.append("first"))
    bus.subscribe("saved", lambda event: seen.append("second"))
    assert bus.publish("saved", 1) == 2
    assert seen == ["first", "second"]


def test_unsubscribed(bus, seen):
    unsubscribe = bus.subscribe("saved", seen.append)
    unsubscribe()
    bus.publish("saved", 1)
    assert seen == []
    assert bus.count("saved") == 0


def test_unsubscribing_twice_is_harmless(bus, seen):
    unsubscribe = bus.subscribe("saved", seen.append)
    unsubscribe()
    unsubscribe()
    assert bus.count("saved") == 0


def test_once(bus, seen):
    bus.once("saved", seen.append)
    bus.publish("saved", 1)
    bus.publish("saved", 2)
    assert seen == [1]


def test_once_does_not_hide_the_next_listener(bus, seen):
    bus.once("saved", lambda event: seen.append("once"))
    bus.subscribe("saved", lambda event: seen.append("always"))
    assert bus.publish("saved", 1) == 2
    assert seen == ["once", "always"]


def test_two_listeners_for_once(bus, seen):
    bus.once("saved", seen.append)
    bus.once("saved", seen.append)
    bus.publish("saved", 1)
    assert seen == [1, 1]
    assert bus.count("saved") == 0


def test_listener_that_subscribes_another(bus, seen):
    bus.subscribe("saved", lambda event: bus.once("saved", seen.append))
    assert bus.publish("saved", 1) == 1
    bus.publish("saved", 2)
    assert seen == [2]


def test_any_topic(bus, seen):
    bus.subscribe(ANY, seen.append)
    bus.publish("saved", 1)
    bus.publish("closed", 2)
    assert seen == [1, 2]


def test_events_are_counted(bus):
    bus.publish("saved", 1)
    bus.publish("saved", 1)
    assert bus.published == 2
