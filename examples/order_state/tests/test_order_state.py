import pytest

from orders import Machine, NotAllowed, Order


def test_starts_new():
    assert Order(1).state == "new"


def test_pay():
    order = Order(1)
    assert order.do("pay") == "paid"
    assert order.state == "paid"


def test_whole_life():
    order = Order(1)
    for event in ("pay", "ship", "deliver"):
        order.do(event)
    assert order.state == "delivered"
    assert order.is_final


def test_history_after_paying():
    order = Order(1)
    order.do("pay")
    assert order.history() == ["pay: new -> paid"]


def test_history_of_two_steps():
    order = Order(1)
    order.do("pay")
    order.do("cancel")
    assert order.history() == ["pay: new -> paid", "cancel: paid -> refunded"]


def test_history_of_nothing():
    assert Order(1).history() == []


def test_not_allowed():
    order = Order(1)
    with pytest.raises(NotAllowed):
        order.do("ship")
    assert order.state == "new"
    assert order.history() == []


@pytest.mark.parametrize(("event", "state"), [("pay", "paid"), ("cancel", "cancelled")])
def test_first_steps(event, state):
    assert Order(1).do(event) == state


def test_what_may_happen():
    assert Order(1).machine.events() == ["cancel", "pay"]


def test_not_final():
    assert not Order(1).is_final


def test_undo():
    machine = Machine({("on", "press"): "off", ("off", "press"): "on"}, "on")
    machine.fire("press")
    machine.fire("press")
    assert machine.undo() == "press"
    assert machine.state == "off"


def test_undo_of_nothing():
    with pytest.raises(NotAllowed):
        Order(1).machine.undo()
