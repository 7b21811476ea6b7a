"""What is printed on a visitor's card."""


def display_name(person):
    """The nickname where there is one, else the full name."""
    if person.nickname.strip():
        return person.nickname.strip()
    return person.full_name()


def origin(person):
    return f"from {person.city}" if person.city else "from somewhere"


def card(person):
    return f"[{person.initials()}] {display_name(person)}, {origin(person)}"


def sorted_cards(people):
    """The cards in the order of what is printed as the name, upper and lower case alike."""
    return [card(person) for person in sorted(people, key=lambda person: display_name(person).lower())]
