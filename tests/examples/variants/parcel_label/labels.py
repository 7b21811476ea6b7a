"""Address labels of parcels."""


class Receiver:
    def __init__(self, name, street, town, company=None):
        self.name = name
        self.street = street
        self.town = town
        self.company = company


def lines(receiver):
    """The lines of a label; the company only where there is one."""
    found = [receiver.name, receiver.street, receiver.town.upper()]
    if receiver.company.strip():
        found.insert(0, receiver.company.strip())
    return found


def label(receiver, width=20):
    """The label in a frame of stars."""
    rule = "*" * (width + 4)
    body = [f"* {line[:width].ljust(width)} *" for line in lines(receiver)]
    return "\n".join([rule, *body, rule])
