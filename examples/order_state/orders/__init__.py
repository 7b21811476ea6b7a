"""Orders and the states they go through."""

from orders.machine import Machine, NotAllowed
from orders.order import Order

__all__ = ["Machine", "NotAllowed", "Order"]
