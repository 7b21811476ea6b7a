"""A thermostat with hysteresis: heats until the target is reached, and begins again some degrees below it."""


class Sensor:
    def __init__(self, readings=(), offset=0.0):
        self.readings = list(readings)
        self.offset = offset

    def read(self, value):
        self.readings.append(value)

    def celsius(self):
        """The mean of the last three readings, corrected."""
        if not self.readings:
            raise LookupError("the sensor has not measured anything yet")
        last = self.readings[-3:]
        return sum(last) / len(last) + self.offset

    @property
    def fahrenheit(self):
        return self.celsius() * 9 / 5 + 32


class Thermostat:
    def __init__(self, sensor, target, hysteresis=1.0):
        self.sensor = sensor
        self.target = target
        self.hysteresis = hysteresis
        self.is_heating = False

    def step(self):
        """Look at the sensor, switch if need be; say whether it heats now."""
        temperature = self.sensor.celsius
        if temperature >= self.target:
            self.is_heating = False
        elif temperature <= self.target - self.hysteresis:
            self.is_heating = True
        return self.is_heating

    def status(self):
        return f"{self.sensor.celsius():.1f} of {self.target:.1f} degrees, {'heating' if self.is_heating else 'idle'}"
