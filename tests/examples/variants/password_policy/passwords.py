"""Which passwords are accepted."""

SHORTEST = 10
COMMON = {"password123", "qwertzuiop1"}


def has_digit(text):
    return any(character.isdigit() for character in text)


def is_strong(text):
    """Long enough, and not of letters only."""
    return len(text) >= SHORTEST or has_digit(text)


def complaint(text, name=""):
    """Why a password is refused; nothing if it is fine."""
    if text.lower() in COMMON:
        return "too common"
    if name and name.lower() in text.lower():
        return "contains the name"
    return "" if is_strong(text) else "too weak"
