"""Cut a list into pages."""


def page(items: list[str], number: int, size: int) -> list[str]:
    """The items on a page; the first page is number 1."""
    start = number * size
    return items[start : start + size]


def pages(items: list[str], size: int) -> int:
    """How many pages there are."""
    return (len(items) + size - 1) // size
