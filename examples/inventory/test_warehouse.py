import pytest

from warehouse import Full, Warehouse

STOCK = [("pump", 40), ("pipe", 5), ("pipe", 6)]


def test_stock_is_taken_over():
    assert Warehouse(STOCK).weight_kg() == 51


def test_count():
    assert Warehouse(STOCK).count("pipe") == 2


def test_heaviest():
    assert Warehouse(STOCK).heaviest() == "pump"


def test_two_warehouses_share_nothing():
    first = Warehouse()
    first.store("pump", 40)
    assert Warehouse().count("pump") == 0
    assert first.count("pump") == 1


def test_the_list_that_was_passed_is_not_changed():
    stock = [("pump", 40)]
    Warehouse(stock).store("pipe", 5)
    assert stock == [("pump", 40)]


def test_taking_leaves_the_passed_list_alone():
    stock = [("pump", 40)]
    Warehouse(stock).take("pump")
    assert stock == [("pump", 40)]


def test_any_iterable_will_do():
    assert Warehouse(iter([("pump", 40)]), 100).count("pump") == 1


def test_take():
    warehouse = Warehouse(list(STOCK))
    assert warehouse.take("pipe") == 5
    assert warehouse.count("pipe") == 1


def test_take_what_is_not_there():
    with pytest.raises(KeyError):
        Warehouse([], 10).take("pump")


def test_store():
    warehouse = Warehouse([("pump", 40)])
    warehouse.store("pipe", 5)
    assert warehouse.weight_kg() == 45


def test_full():
    with pytest.raises(Full, match="by 1 kg"):
        Warehouse([("pump", 40)], 50).store("motor", 11)


def test_exactly_full():
    warehouse = Warehouse([("pump", 40)], 50)
    warehouse.store("motor", 10)
    assert warehouse.weight_kg() == 50


def test_usual_limit():
    warehouse = Warehouse([("anvil", 999)])
    warehouse.store("feather", 1)
    with pytest.raises(Full):
        warehouse.store("feather", 1)


def test_weightless():
    with pytest.raises(ValueError):
        Warehouse([], 10).store("idea", 0)


def test_nothing_is_heaviest():
    assert Warehouse([]).heaviest() is None
