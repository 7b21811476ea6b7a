"""Numbers of invoices, in the format of the company's own ledger package."""

from acme_internal_ledger import Format


def number(year, month, count):
    return Format("invoice").render(year, month, count)
