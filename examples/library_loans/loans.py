"""Loans of a public library: who has what until when, and what it costs to be late."""

from datetime import timedelta

LOAN_DAYS = 28
FINE_CENTS_PER_DAY = 20
LARGEST_FINE_CENTS = 1000


class NotAvailable(Exception):
    """Somebody else has it."""


class Loan:
    def __init__(self, reader, book, day):
        self.reader = reader
        self.book = book
        self.due = day + timedelta(days=LOAN_DAYS)
        self.renewals = 0

    def renew(self):
        if self.renewals == 2:
            raise ValueError("a loan is renewed twice at most")
        self.renewals += 1
        self.due += timedelta(days=LOAN_DAYS)


class Library:
    def __init__(self, books):
        self.books = set(books)
        self.loans = {}

    def lend(self, book, reader, day):
        if book not in self.books:
            raise KeyError(book)
        if book in self.loans:
            raise NotAvailable(f"{book} is lent until {self.loans[book].due}")
        self.loans[book] = Loan(reader, book, day)
        return self.loans[book]

    def give_back(self, book, day):
        """Take a book back; the fine in cents."""
        loan = self.loans.pop(book)
        days_late = max(0, (day - loan.due_date).days)
        return min(days_late * FINE_CENTS_PER_DAY, LARGEST_FINE_CENTS)

    def overdue(self, day):
        """(reader, book) of what should be back by now."""
        return sorted((loan.reader, loan.book) for loan in self.loans.values() if loan.due < day)

    def available(self):
        return sorted(self.books - set(self.loans))
