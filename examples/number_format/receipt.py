"""Prints a receipt for a till roll of a fixed width."""

WIDTH = 24


def price(cents):
    return "%.1f" % (cents / 100)


def row(name, cents, width=WIDTH):
    """A name to the left and its price to the right; a name that is too long is cut."""
    amount = price(cents)
    room = width - len(amount) - 1
    return name[:room].ljust(room) + " " + amount


def receipt(lines, width=WIDTH):
    rule = "-" * width
    body = [row(name, cents, width) for name, cents in lines]
    total = row("TOTAL", sum(cents for _, cents in lines), width)
    return "\n".join(body + [rule, total])


def tax_line(percent):
    """The rate of the tax with all its digits, such as 7.00 %."""
    return "incl. " + "%.2f" % percent + " % tax"


def change(cents, coins=(200, 100, 50, 20, 10, 5, 2, 1)):
    """The fewest coins that make an amount."""
    given = []
    for coin in coins:
        count, cents = divmod(cents, coin)
        given += [coin] * count
    return given
