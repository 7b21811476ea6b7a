"""Accounts that several threads may use: whoever reads and writes balances holds the bank's lock."""

import threading


class NotEnough(Exception):
    """There is less in the account than was asked for."""


class Bank:
    def __init__(self, balances=None, lock=None):
        self.lock = lock or threading.RLock()
        self._balances = dict(balances or {})

    def balance(self, name):
        with self.lock:
            return self._balances.get(name, 0)

    def deposit(self, name, cents):
        if cents <= 0:
            raise ValueError("a deposit is above zero")
        with self.lock:
            self._balances[name] = self._balances.get(name, 0) + cents

    def withdraw(self, name, cents):
        with self.lock:
            if self._balances.get(name, 0) < cents:
                raise NotEnough(name)
            self._balances[name] = self._balances[name] - cents

    def transfer(self, giver, taker, cents):
        """Move money; nobody ever sees it in both accounts or in none."""
        if giver == taker:
            return
        if self._balances.get(giver, 0) < cents:
            raise NotEnough(giver)
        self._balances[giver] = self._balances[giver] - cents
        self._balances[taker] = self._balances.get(taker, 0) + cents

    def total(self):
        with self.lock:
            return sum(self._balances.values())
