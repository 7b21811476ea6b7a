"""An order of the shop."""

from orders.machine import Machine

TABLE = {
    ("new", "pay"): "paid",
    ("new", "cancel"): "cancelled",
    ("paid", "ship"): "shipped",
    ("paid", "cancel"): "refunded",
    ("shipped", "deliver"): "delivered",
}
FINAL = {"cancelled", "refunded", "delivered"}


class Order:
    def __init__(self, number):
        self.number = number
        self.machine = Machine(TABLE, "new")

    @property
    def state(self):
        return self.machine.state

    @property
    def is_final(self):
        return self.state in FINAL

    def do(self, event):
        return self.machine.fire(event)

    def history(self):
        return [f"{event}: {before} -> {after}" for event, before, after in self.machine.trail]
