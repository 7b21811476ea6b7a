import pytest

from thermostat import Sensor, Thermostat


def at(*readings, target=20.0):
    return Thermostat(Sensor(readings), target)


def test_one_reading():
    assert Sensor([18.0]).celsius() == 18.0


def test_mean_of_the_last_three():
    assert Sensor([99.0, 17.0, 18.0, 19.0]).celsius() == 18.0


def test_offset():
    assert Sensor([18.0], -0.5).celsius() == 17.5


def test_fahrenheit():
    assert Sensor([100.0]).fahrenheit == 212.0


def test_new_reading():
    sensor = Sensor()
    sensor.read(5.0)
    assert sensor.celsius() == 5.0


def test_no_reading():
    with pytest.raises(LookupError):
        Sensor().celsius()


def test_starts_idle():
    assert not at(10.0).is_heating


def test_status():
    assert at(18.25).status() == "18.2 of 20.0 degrees, idle"


def test_cold_room_is_heated():
    assert at(15.0).step()


def test_warm_room_is_not():
    assert not at(21.0).step()


def test_goes_on_heating_between_the_limits():
    thermostat = at(15.0)
    thermostat.step()
    thermostat.sensor.readings = [19.5]
    assert thermostat.step()


def test_stays_idle_between_the_limits():
    assert not at(19.5).step()


def test_starts_at_the_lower_limit():
    assert at(19.0).step()


def test_stops_at_the_target():
    thermostat = at(15.0)
    thermostat.step()
    thermostat.sensor.readings = [20.0]
    assert not thermostat.step()


def test_no_step_without_a_reading():
    with pytest.raises(LookupError):
        at().sensor.celsius()


def test_mean_is_corrected():
    assert Sensor([1.0, 2.0, 3.0], 1.0).celsius() == 3.0


def test_status_needs_a_reading():
    with pytest.raises(LookupError):
        at().status()
