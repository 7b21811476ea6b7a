"""How many tokens a text may be, without the tokenizer of the model that will read it.

Into a window that is too small a server puts the prompt without its middle, so the estimate errs on the high side:
source code runs at 3 to 4 bytes a token with the tokenizers of today's models, prose at more than 4, and some of them
spell every digit alone.
"""

from collections.abc import Iterable, Sequence

BYTES_PER_TOKEN = 3
MOST_BYTES_PER_TOKEN = 10  # of what is not white space: nothing that people write averages longer tokens
FRAME = 64  # what the chat template puts around a system text and a prompt
DIGITS = b"0123456789"
SPACE = b" \t\r\n"


def most(*texts: str) -> int:
    """An estimate that is meant to be too high: what these texts need in a window."""
    return FRAME + sum(map(_most, texts))


def _most(text: str) -> int:
    data = text.encode(errors="replace")
    words = len(data.translate(None, DIGITS))
    return len(data) - words + -(-words // BYTES_PER_TOKEN)


def least(*texts: str) -> int:
    """An estimate that is meant to be too low: a model that counted fewer was not shown everything."""
    return sum(len(text.encode(errors="replace").translate(None, SPACE)) // MOST_BYTES_PER_TOKEN for text in texts)


def window(needed: int, windows: Iterable[int]) -> int:
    """The smallest of the windows that holds so many tokens, or the largest where none does."""
    sizes: Sequence[int] = sorted(windows)
    return next((size for size in sizes if size >= needed), sizes[-1])
