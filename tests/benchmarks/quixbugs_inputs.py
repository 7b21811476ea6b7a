"""Valid inputs for the forty programs, by their names, and whether two versions of a program agree on them.

A child process, for what it compares may hang or die: it reads what to compare as JSON and prints the figures. Inputs
keep the preconditions that the programs state; where the reference itself raises, an input was not valid and is left
out. Nothing here takes part in finding a patch.
"""

import json
import math
import signal
import sys
from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Any

INPUTS = 300
MOST_DRAWN = 20 * INPUTS  # some generators draw what the reference refuses
INPUT_S = 1.0  # of processor time; the reference takes milliseconds
STEPS = 100  # of a list that may have become a ring
SIGNS = "+-*/"
Node = Any  # the programs bring their own


def ints(r: Random, most: int = 8, low: int = -20, high: int = 20, least: int = 0) -> list[int]:
    return [r.randint(low, high) for _ in range(r.randint(least, most))]


def word(r: Random, most: int, letters: str = "abc") -> str:
    return "".join(r.choices(letters, k=r.randint(0, most)))


def find(r: Random, *, distinct: bool) -> tuple[Any, ...]:
    found = sorted(set(ints(r, 12)) if distinct else ints(r, 12, -5, 5))
    return found, r.choice([*found, r.randint(-21, 21)])


def nested(r: Random, depth: int = 4) -> list[Any]:
    deep = [nested(r, depth - 1) for _ in range(r.randint(0, 3))] if depth else []
    mixed = [*deep, *ints(r, 3)]
    r.shuffle(mixed)
    return mixed


def parentheses(r: Random) -> str:
    if r.random() < 0.5:  # else nearly all would be wrong
        return word(r, 8, "()")
    text = ""
    for _ in range(r.randint(0, 6)):
        at = r.randint(0, len(text))
        text = f"{text[:at]}(){text[at:]}"
    return text


def nearly_sorted(r: Random) -> tuple[Any, ...]:
    k, found = r.randint(0, 4), sorted(ints(r, 14))
    parts = [found[at : at + k + 1] for at in range(0, len(found), k + 1)]
    return [each for part in parts for each in r.sample(part, len(part))], k


def palindrome(r: Random) -> list[int]:
    half = [r.randint(1, 9), *(r.choice([r.randint(0, 9), 9]) for _ in range(r.randint(0, 3)))]
    return half + half[::-1][r.randint(0, 1) :]


def permutation(r: Random) -> list[int]:
    found = r.sample(range(20), r.randint(2, 7))
    return found if found != sorted(found, reverse=True) else found[::-1]


def postfix(r: Random, depth: int = 3) -> list[Any]:
    if not depth or r.random() < 0.3:  # some leaves are near
        return [float(r.randint(1, 9))]
    return [*postfix(r, depth - 1), *postfix(r, depth - 1), r.choice(SIGNS)]


def infix(r: Random) -> list[Any]:
    found: list[Any] = ints(r, 1, 0, 99)
    for _ in range(r.randint(0, 5) if found else 0):
        found += [r.choice(SIGNS), r.randint(0, 99)]
    return found


def edges(r: Random, names: list[Any], *, directed: bool = True) -> dict[Any, int]:
    pairs = [(u, v) for u in names for v in names if (u != v if directed else u < v)]
    chosen = r.sample(pairs, r.randint(0, len(pairs)))
    return dict(zip(chosen, r.sample(range(1, 99), len(chosen)), strict=True))


def connected(r: Random) -> dict[Any, int]:
    names = list(range(1, r.randint(2, 6) + 1))
    chain = {(u, u + 1): 100 + r.randint(0, 50) * 10 + u for u in names[:-1]}
    return chain | edges(r, names, directed=False)


def from_a_source(r: Random) -> tuple[Any, ...]:
    names = list("ABCDEF"[: r.randint(2, 6)])
    there = {(u, v): r.randint(1, 50) for u, v in pairwise(names)}
    found = list((there | edges(r, names)).items())
    r.shuffle(found)
    return names[0], dict(found)


def graph(r: Random, node: Node, *, names: str = "ABCDEF") -> list[Node]:
    nodes = [node(name, None, []) for name in names[: r.randint(1, len(names))]]
    for each in nodes:
        each.successors = r.sample(nodes, r.randint(0, min(3, len(nodes))))
    return nodes


def search_in(r: Random, node: Node) -> tuple[Any, ...]:
    nodes = graph(r, node)
    return r.choice(nodes), r.choice(nodes)


def with_lengths(r: Random, node: Node) -> tuple[Any, ...]:
    nodes = graph(r, node)
    lengths = r.sample(range(1, 999), 40)
    found = {(u, v): lengths.pop() for u in nodes for v in u.successors}
    return found, r.choice(nodes), r.choice(nodes)


def chain(r: Random, node: Node, least: int) -> list[Node]:
    nodes: list[Node] = []
    for number in range(r.randint(least, 6)):
        nodes.append(node(number, nodes[-1] if nodes else None))
    return nodes[::-1]


def perhaps_a_ring(r: Random, node: Node) -> Node:
    nodes = chain(r, node, 1)
    nodes[-1].successor = r.choice([None, *nodes])
    return nodes[0]


def ordered(r: Random, node: Node) -> list[Node]:
    nodes = [node(number, None, [], [], [], []) for number in range(r.randint(0, 7))]
    for at, each in enumerate(nodes):
        for before in r.sample(nodes[:at], r.randint(0, min(2, at))):
            each.incoming_nodes.append(before)
            before.outgoing_nodes.append(each)
    return r.sample(nodes, len(nodes))


DRAWS: dict[str, Callable[[Random, Node], tuple[Any, ...]]] = {
    "bitcount": lambda r, _: (r.getrandbits(r.randint(1, 24)),),
    "breadth_first_search": search_in,
    "bucketsort": lambda r, _: ((k := r.randint(1, 15)) and ints(r, 12, 0, k - 1), k),
    "depth_first_search": search_in,
    "detect_cycle": lambda r, node: (perhaps_a_ring(r, node),),
    "find_first_in_sorted": lambda r, _: find(r, distinct=False),
    "find_in_sorted": lambda r, _: find(r, distinct=True),
    "flatten": lambda r, _: (nested(r),),
    "gcd": lambda r, _: (r.randint(0, 999), r.randint(0, 999)),
    "get_factors": lambda r, _: (r.randint(1, 2000),),
    "hanoi": lambda r, _: (r.randint(0, 6), *r.sample([1, 2, 3], 2)),
    "is_valid_parenthesization": lambda r, _: (parentheses(r),),
    "kheapsort": lambda r, _: nearly_sorted(r),
    "knapsack": lambda r, _: (
        r.randint(0, 40),
        [[r.randint(1, 20), r.randint(0, 30)] for _ in range(r.randint(0, 7))],
    ),
    "kth": lambda r, _: ((found := ints(r, 10, least=1)), r.randrange(len(found))),
    "lcs_length": lambda r, _: (word(r, 8), word(r, 8)),
    "levenshtein": lambda r, _: (word(r, 5), word(r, 5)),
    "lis": lambda r, _: (r.sample(range(40), r.randint(0, 10)),),
    "longest_common_subsequence": lambda r, _: (word(r, 6), word(r, 6)),
    "max_sublist_sum": lambda r, _: (ints(r, 10, -10, 10),),
    "mergesort": lambda r, _: (ints(r, 12),),
    "minimum_spanning_tree": lambda r, _: (connected(r),),
    "next_palindrome": lambda r, _: (palindrome(r),),
    "next_permutation": lambda r, _: (permutation(r),),
    "pascal": lambda r, _: (r.randint(1, 12),),
    "possible_change": lambda r, _: (r.sample(range(1, 30), r.randint(1, 4)), r.randint(-3, 40)),
    "powerset": lambda r, _: (r.sample("abcdefgh", r.randint(0, 5)),),
    "quicksort": lambda r, _: (ints(r, 12, -9, 9),),
    "reverse_linked_list": lambda r, node: (next(iter(chain(r, node, 0)), None),),
    "rpn_eval": lambda r, _: (postfix(r),),
    "shortest_path_length": with_lengths,
    "shortest_path_lengths": lambda r, _: ((n := r.randint(1, 5)), edges(r, list(range(n)))),
    "shortest_paths": lambda r, _: from_a_source(r),
    "shunting_yard": lambda r, _: (infix(r),),
    "sieve": lambda r, _: (r.randint(0, 120),),
    "sqrt": lambda r, _: (r.uniform(0.5, 300), r.choice([0.5, 0.1, 0.01, 0.001])),
    "subsequences": lambda r, _: ((low := r.randint(0, 5)), low + r.randint(0, 6), r.randint(0, 4)),
    "to_base": lambda r, _: (r.randint(1, 99_999), r.randint(2, 36)),
    "topological_ordering": lambda r, node: (ordered(r, node),),
    "wrap": lambda r, _: (" ".join(word(r, 9, "abcdef") for _ in range(r.randint(0, 12))), r.randint(1, 20)),
}


class Late(BaseException):
    """It takes too long."""


def main() -> None:
    """Compare what stdin names."""
    told = json.load(sys.stdin)
    name, node = told["name"], loaded(told["node"]).get("Node")
    ours, reference = loaded(told["patched"])[name], loaded(told["correct"])[name]
    signal.signal(signal.SIGVTALRM, _late)
    random, drawn, same = Random(name), 0, 0  # noqa: S311  the same inputs each time
    for _ in range(MOST_DRAWN):
        seed = random.random()
        wanted, value = outcome(reference, DRAWS[name](Random(seed), node))  # noqa: S311  see above
        if wanted == "returned":
            drawn += 1
            got = outcome(ours, DRAWS[name](Random(seed), node))  # noqa: S311  see above
            near = told["compare"] == "approx"
            epsilon = DRAWS[name](Random(seed), node)[-1] if near else 0  # noqa: S311  see above
            same += got[0] == wanted and (math.isclose(got[1], value, abs_tol=epsilon) if near else got[1] == value)
        if drawn == INPUTS:
            break
    print(json.dumps({"inputs": drawn, "equal": same}))  # noqa: T201  that is its answer


def loaded(text: str) -> dict[str, Any]:
    """The names that a program defines; `node` is there for those that import it."""
    space: dict[str, Any] = {"__name__": "program"}
    exec(text, space)  # noqa: S102  a small known program, or a patch of it that its tests have seen
    return space


def outcome(function: Callable[..., Any], given: tuple[Any, ...]) -> tuple[str, Any]:
    """What comes of a call, as a value that can be compared."""
    signal.setitimer(signal.ITIMER_VIRTUAL, INPUT_S)
    try:
        return "returned", plain(function(*given))
    except Late:
        return "late", None
    except Exception as error:  # noqa: BLE001  whatever it raises is its answer
        return "raised", type(error).__name__
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def plain(value: Any) -> Any:  # noqa: ANN401  programs return anything
    """Without nodes and generators: a list of nodes by their values, a linked list as those in its order."""
    if hasattr(value, "successor"):
        values: list[object] = []
        while value is not None and len(values) < STEPS:
            values.append(value.value)
            value = value.successor
        return values
    if hasattr(value, "__next__"):
        value = list(value)
    if isinstance(value, list):
        return [each.value if hasattr(each, "outgoing_nodes") else each for each in value]
    return value


def _late(*_: object) -> None:
    raise Late


if __name__ == "__main__":
    main()
