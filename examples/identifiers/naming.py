"""What may be called how: names of columns, versions and colours."""

import re

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
VERSION = re.compile(r"\d+\.\d+(\.\d+)?")
WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
RESERVED = {"select", "from", "where"}


def matches(pattern, text):
    """Whether the whole text is of the pattern's form."""
    return pattern.match(text) is not None


def is_name(text):
    return matches(NAME, text) and text.lower() not in RESERVED


def is_version(text):
    return matches(VERSION, text)


def snake_case(text):
    """HTTPServer2 or fooBar -> http_server2, foo_bar."""
    return "_".join(word.lower() for word in WORD.findall(text))


def first_name(text):
    """The first name that stands in a text, or None."""
    found = NAME.search(text)
    return found.group() if found else None
