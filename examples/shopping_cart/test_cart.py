import pytest

from cart import Cart


@pytest.fixture
def cart():
    return Cart()


def test_empty_cart_costs_nothing(cart):
    assert cart.total_cents() == 0


def test_small_order_pays_for_delivery(cart):
    cart.add("mug", 1200)
    assert cart.total_cents() == 1690


def test_just_below_the_limit_pays_for_delivery(cart):
    cart.add("lamp", 4999)
    assert cart.delivery_cents() == 490


def test_order_at_the_limit_is_delivered_free(cart):
    cart.add("lamp", 5000)
    assert cart.delivery_cents() == 0


def test_discounted_order_at_the_limit(cart):
    cart.add("chair", 10000)
    cart.apply_discount(50)
    assert cart.total_cents() == 5000


def test_big_order_is_delivered_free(cart):
    cart.add("desk", 25000)
    assert cart.total_cents() == 25000


def test_discount_can_make_delivery_cost_again(cart):
    cart.add("lamp", 5500)
    cart.apply_discount(20)
    assert cart.total_cents() == 4400 + 490


def test_same_product_joins_its_line(cart):
    cart.add("mug", 1200)
    line = cart.add("mug", 1200, 2)
    assert line.quantity == 3
    assert len(cart.lines) == 1


def test_removed_product_is_gone(cart):
    cart.add("mug", 1200)
    cart.remove("mug")
    assert cart.total_cents() == 0


@pytest.mark.parametrize("percent", [-1, 101])
def test_discount_out_of_range(cart, percent):
    with pytest.raises(ValueError):
        cart.apply_discount(percent)


def test_no_empty_lines(cart):
    with pytest.raises(ValueError):
        cart.add("mug", 1200, 0)
