"""What hosted models may cost. The worst that a call can cost is on the disk before it, what it did cost after it.

So a crash in between counts too much, never too little, and two calls at once cannot both spend the last cent.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import msgspec
from anyio.to_thread import run_sync
from msgspec import Struct

from daemon.codec import UNDECODABLE
from daemon.disk import write_whole
from daemon.effects.models import Request
from daemon.effects.world import Fault

MILLION = 1_000_000


class Spent(Struct, forbid_unknown_fields=True):
    """What was spent so far."""

    usd: float = 0.0
    tokens: int = 0


@dataclass
class Bill:
    """What one call may cost at most, and, once somebody says so, what it did cost."""

    price_in: float
    price_out: float
    tokens_in: int
    tokens_out: int

    @property
    def usd(self) -> float:
        """In money."""
        return (self.tokens_in * self.price_in + self.tokens_out * self.price_out) / MILLION

    @property
    def tokens(self) -> int:
        """In tokens."""
        return self.tokens_in + self.tokens_out

    def says(self, tokens_in: int, tokens_out: int) -> None:
        """The provider counted so many."""
        self.tokens_in, self.tokens_out = tokens_in, tokens_out

    def nothing(self) -> None:
        """The provider refused, and takes no money for that."""
        self.says(0, 0)


class Budget:
    """One purse for all hosted models, for as long as the state lives."""

    def __init__(self, path: Path, usd: float, tokens: int, prices: Iterable[str]) -> None:
        self.path, self.usd, self.tokens = path, usd, tokens
        self.prices = dict(map(_price, prices))
        self._spent: Spent | None = None
        self._writing = anyio.Lock()

    @asynccontextmanager
    async def bill(self, request: Request) -> AsyncIterator[Bill]:
        """Set the worst aside; at the end, correct it to what the bill says by then."""
        if (price := self.prices.get(request.model)) is None:
            remedy = f"set it in hosted_prices: `{request.model} IN OUT`, USD per million tokens, 0 where it is free"
            raise Fault("unknown_price", f"nobody said what {request.model} costs; {remedy}")
        bill = Bill(*price, request.most_tokens - request.num_predict, request.num_predict)
        spent = await self._so_far()
        if spent.usd + bill.usd > self.usd or spent.tokens + bill.tokens > self.tokens:
            has = f"{spent.usd:.4f} of {self.usd:g} USD and {spent.tokens} of {self.tokens} tokens are spent"
            raise Fault("over_budget", f"{request.model} could cost {bill.usd:.4f} USD and {bill.tokens} tokens; {has}")
        worst = Spent(bill.usd, bill.tokens)
        spent.usd, spent.tokens = spent.usd + worst.usd, spent.tokens + worst.tokens
        try:
            await self._before(bill)
            yield bill
        finally:
            spent.usd = max(0.0, spent.usd + bill.usd - worst.usd)
            spent.tokens += bill.tokens - worst.tokens
            with anyio.CancelScope(shield=True):
                await self._write()

    async def _before(self, bill: Bill) -> None:
        try:
            await self._write()
        except OSError:
            bill.nothing()  # what cannot be written down is not done
            raise

    async def _so_far(self) -> Spent:
        if self._spent is None:
            spent = await run_sync(_read, self.path)
            self._spent = self._spent or spent  # somebody else may have been faster
        return self._spent

    async def _write(self) -> None:
        async with self._writing:
            await run_sync(_keep, self.path, msgspec.json.encode(self._spent))


def _price(line: str) -> tuple[str, tuple[float, float]]:
    """A model and what it costs; the settings vouch for the form: two amounts, finite and not negative."""
    name, dollars_in, dollars_out = line.split()
    return name, (float(dollars_in), float(dollars_out))


def _read(path: Path) -> Spent:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Spent)
    except FileNotFoundError:
        return Spent()
    except UNDECODABLE as error:
        raise Fault("over_budget", f"{path} does not say what was spent: {error}") from None


def _keep(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data + b"\n", durable=True)
