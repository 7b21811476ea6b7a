"""A shopping cart: lines of products, discounts and the cost of delivery. All amounts are in cents."""

DELIVERY_CENTS = 490
FREE_DELIVERY_FROM_CENTS = 5000


class Line:
    """A product and how many of it."""

    def __init__(self, product, price_cents, quantity=1):
        if quantity < 1:
            raise ValueError("a line has at least one piece")
        self.product = product
        self.price_cents = price_cents
        self.quantity = quantity

    @property
    def total_cents(self):
        return self.price_cents * self.quantity


class Cart:
    def __init__(self):
        self.lines = []
        self.discount_percent = 0

    def add(self, product, price_cents, quantity=1):
        """Put a product into the cart; more of the same product joins its line."""
        for line in self.lines:
            if line.product == product and line.price_cents == price_cents:
                line.quantity += quantity
                return line
        line = Line(product, price_cents, quantity)
        self.lines.append(line)
        return line

    def remove(self, product):
        self.lines = [line for line in self.lines if line.product != product]

    def apply_discount(self, percent):
        if not 0 <= percent <= 100:
            raise ValueError("a discount is between 0 and 100 percent")
        self.discount_percent = percent

    def goods_cents(self):
        """What the goods cost after the discount."""
        full = sum(line.total_cents for line in self.lines)
        return full - full * self.discount_percent // 100

    def delivery_cents(self):
        """An empty cart is not delivered, a big one is delivered for nothing."""
        if not self.lines:
            return 0
        if self.goods_cents() > FREE_DELIVERY_FROM_CENTS:
            return 0
        return DELIVERY_CENTS

    def total_cents(self):
        return self.goods_cents() + self.delivery_cents()
