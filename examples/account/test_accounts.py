import threading
import unittest

from accounts import Bank, NotEnough


class RecordingLock:
    """A lock that several threads may share, and that remembers how often it was taken."""

    def __init__(self):
        self.lock = threading.RLock()
        self.taken = 0
        self.depth = 0

    def __enter__(self):
        self.lock.acquire()
        self.taken += 1
        self.depth += 1

    def __exit__(self, *error):
        self.depth -= 1
        self.lock.release()


class WatchedBalances(dict):
    """Balances that may be touched only while the lock is held."""

    def __init__(self, lock, balances):
        super().__init__(balances)
        self.lock = lock
        self.unguarded = 0

    def __setitem__(self, name, cents):
        self.unguarded += self.lock.depth == 0
        super().__setitem__(name, cents)


class TestBank(unittest.TestCase):
    def setUp(self):
        self.lock = RecordingLock()
        self.bank = Bank({"ann": 100, "bob": 50}, self.lock)

    def test_balance(self):
        self.assertEqual(self.bank.balance("ann"), 100)

    def test_unknown_account(self):
        self.assertEqual(self.bank.balance("zoe"), 0)

    def test_deposit(self):
        self.bank.deposit("bob", 25)
        self.assertEqual(self.bank.balance("bob"), 75)

    def test_empty_deposit(self):
        with self.assertRaises(ValueError):
            self.bank.deposit("bob", 0)

    def test_withdraw(self):
        self.bank.withdraw("ann", 100)
        self.assertEqual(self.bank.balance("ann"), 0)

    def test_withdraw_too_much(self):
        with self.assertRaises(NotEnough):
            self.bank.withdraw("ann", 101)

    def test_transfer(self):
        self.bank.transfer("ann", "bob", 30)
        self.assertEqual((self.bank.balance("ann"), self.bank.balance("bob")), (70, 80))

    def test_transfer_to_a_new_account(self):
        self.bank.transfer("ann", "cid", 30)
        self.assertEqual(self.bank.balance("cid"), 30)

    def test_transfer_of_too_much_changes_nothing(self):
        with self.assertRaises(NotEnough):
            self.bank.transfer("bob", "ann", 51)
        self.assertEqual((self.bank.balance("ann"), self.bank.balance("bob")), (100, 50))

    def test_transfer_to_oneself(self):
        self.bank.transfer("ann", "ann", 500)
        self.assertEqual(self.bank.balance("ann"), 100)

    def test_total(self):
        self.assertEqual(self.bank.total(), 150)

    def test_deposit_holds_the_lock(self):
        self.bank.deposit("ann", 1)
        self.assertEqual(self.lock.taken, 1)

    def test_transfer_holds_the_lock(self):
        self.bank._balances = WatchedBalances(self.lock, {"ann": 100})
        self.bank.transfer("ann", "bob", 10)
        self.assertEqual(self.bank._balances.unguarded, 0)

    def test_transfer_is_one_step(self):
        self.bank.transfer("ann", "bob", 10)
        self.assertEqual(self.lock.taken, 1)

    def test_lock_is_given_back(self):
        with self.assertRaises(NotEnough):
            self.bank.transfer("bob", "ann", 51)
        self.assertEqual(self.lock.depth, 0)


if __name__ == "__main__":
    unittest.main()
