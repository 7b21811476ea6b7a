"""Real repairs from the drop to the certificate, in the Docker Engine and over HTTP: every shape of fix and of suite.

All jobs go into one start of the daemon, so all is asserted in one test: a failure names the shape and what is wrong.
The bugs are such that nobody mends them without the answer.
"""

from pathlib import Path

from daemon import events as e
from tests.fakes.repairs import Ask, Files, Told, as_bytes, commit, edit, git, home, model, told, whole, write
from tests.fakes.sandboxes import need

ADDITIVE = 'SIGNS = (\n    (10, "X"),\n    (5, "V"),\n    (1, "I"),\n)\n'
LOOP = (
    '\n\ndef roman(number):\n    said = ""\n    for value, sign in SIGNS:\n        said += sign * (number // value)\n'
)
BROKEN = ADDITIVE + LOOP + "        number %= value\n    return said\n"
MENDED = BROKEN.replace('    (5, "V"),\n', '    (9, "IX"),\n    (5, "V"),\n    (4, "IV"),\n')
TESTS = (
    "from numerals import roman\n\n\ndef test_two():\n    assert roman(2) == 'II'\n\n\n"
    "def test_nineteen():\n    assert (roman(19), roman(14)) == ('XIX', 'XIV')\n"
)
NINETEEN = "tests/test_numerals.py::test_nineteen"
WRONG = BROKEN.replace('(5, "V")', '(6, "VI")')
CASE = (
    "import unittest\n\nfrom numerals import roman\n\n\nclass Numerals(unittest.TestCase):\n"
    "    def test_two(self):\n        self.assertEqual(roman(2), 'II')\n\n"
    "    def test_nineteen(self):\n        self.assertEqual((roman(19), roman(14)), ('XIX', 'XIV'))\n"
)
RUNTESTS = (
    "import sys\nimport unittest\n\nprint('Testing against Django installed in here')\n"
    "suite = unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:])\n"
    "sys.exit(not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful())\n"
)
SHOP = {
    "shop/__init__.py": "",
    "shop/words.py": "def year(number):\n    return f'anno {number}'\n",
    "shop/numerals.py": BROKEN,
    "tests/test_words.py": (
        "from shop.words import year\n\n\ndef test_year():\n"
        "    assert (year(19), year(14)) == ('anno XIX', 'anno XIV')\n\n\n"
        "def test_it_begins():\n    assert year(1).startswith('anno')\n"
    ),
}
YEAR = "def year(number):\n    from shop.numerals import roman\n    return f'anno {roman(number)}'\n"
NEW = {name: text for name, text in SHOP.items() if name != "shop/numerals.py"} | {
    "tests/test_numerals.py": TESTS.replace("from numerals", "from shop.numerals")
}


def crlf(text: str) -> str:
    return text.replace("\n", "\r\n")


def tabs(text: str) -> str:
    return text.replace("    ", "\t")


SIGNS = edit("numerals.py", "3-3", '    (5, "V"),', '    (9, "IX"),\n    (5, "V"),\n    (4, "IV"),')
PUT_IN = edit("numerals.py", "3-", "", '    (9, "IX"),') + edit("numerals.py", "4-", "", '    (4, "IV"),')
YEAR_AND_SIGNS = whole("shop/words.py", YEAR) + SIGNS.replace("FILE: ", "FILE: shop/")
YEAR_TEST = "tests/test_words.py::test_year"
VAGUE = "I would look at the signs."
PLAIN = {"numerals.py": BROKEN, "tests/test_numerals.py": TESTS, "conftest.py": ""}
MORE = PLAIN | {"tests/test_more.py": "def test_more():\n    assert True\n"}
ONE_FILE_OF_TWO = {"test_command": "pytest tests/test_numerals.py"}
CASES = {"numerals.py": BROKEN, "numerals_tests.py": CASE}
DJANGO = CASES | {"runtests.py": RUNTESTS}
RUNTESTS_COMMAND = "python3 runtests.py numerals_tests"
BY_UNITTEST = {
    "test_command": "python -m unittest numerals_tests"
}  # twice as fast as pytest, where that does not matter


def numerals(name: str, broken: str, answer: str) -> Ask:
    return Ask(name, CASES | {"numerals.py": broken}, ["numerals_tests.Numerals.test_nineteen"], [answer], BY_UNITTEST)


# Each: the repair, what its files have to be afterwards, what went wrong before.
MATRIX: list[tuple[Ask, Files, list[str]]] = [
    (numerals("unittest", BROKEN, SIGNS), {"numerals.py": MENDED}, []),
    (numerals("insertion", BROKEN, PUT_IN), {"numerals.py": MENDED}, []),
    (numerals("crlf", crlf(BROKEN), SIGNS), {"numerals.py": crlf(MENDED)}, []),
    (numerals("tabs", tabs(BROKEN), tabs(SIGNS)), {"numerals.py": tabs(MENDED)}, []),
    (Ask("one_file", MORE, [NINETEEN], [SIGNS], ONE_FILE_OF_TWO), {"numerals.py": MENDED}, []),
    (Ask("multi_file", SHOP, [YEAR_TEST], [YEAR_AND_SIGNS]), {"shop/words.py": YEAR, "shop/numerals.py": MENDED}, []),
    (Ask("new_file", NEW, [NINETEEN], [whole("shop/numerals.py", MENDED)]), {"shop/numerals.py": MENDED}, []),
    (
        Ask("django", DJANGO, ["test_nineteen (numerals_tests.Numerals)"], [SIGNS], {"test_command": RUNTESTS_COMMAND}),
        {"numerals.py": MENDED},
        [],
    ),
    (
        Ask("third_time", PLAIN, [NINETEEN], [whole("numerals.py", WRONG), VAGUE, SIGNS], {"land_branch": True}),
        {"numerals.py": MENDED},
        ["same_failure", "unreadable_answer"],
    ),
]


def wrong_with(mended: Files, failures: list[str], repo: Path, seen: Told) -> list[str]:
    """Whatever is not as it should be about one certified repair."""
    if seen.outcome != "certified":
        return [f"{seen.outcome}: {seen.reason}", *(failed.message for failed in seen.of(e.AttemptFailed))]
    git(repo, "apply", "-", given=seen.patch)
    changed = {line[3:] for line in git(repo, "status", "--porcelain", "--untracked-files=all").splitlines()}
    proof = seen.proof
    held = {
        "the patch changes these files only": changed == set(mended),
        "they are what they should be": all((repo / name).read_bytes() == as_bytes(mended[name]) for name in mended),
        "it was shown in a container": proof.sandbox == "docker",
        "each attempt is told": [attempt.failure for attempt in proof.feedback_history] == [*failures, ""],
        "and counted": proof.attempts_made == len(failures) + 1,
        "one test was red, another one green": len(proof.red) == proof.baseline.count == 1,
    }
    return [what for what, is_so in held.items() if not is_so]


def test_every_shape_of_repair_is_certified(tmp_path: Path) -> None:
    need("docker")
    asks = [ask for ask, _, _ in MATRIX]
    repos = {ask.name: tmp_path / "repos" / ask.name for ask in asks}
    for ask in asks:
        commit(write(repos[ask.name], ask.files))
    with model(asks) as server, home(tmp_path, server, asks, sandbox="docker") as daemon:
        status = daemon.start("once").wait(240.0)
        seen = told(daemon)
    untouched = [name for name, repo in repos.items() if git(repo, "status", "--porcelain")]
    name = f"mendd/{seen['third_time'].job}"
    branch = git(repos["third_time"], "show", f"{name}:numerals.py")
    problems = {
        ask.name: wrong_with(mended, failures, repos[ask.name], seen[ask.name]) for ask, mended, failures in MATRIX
    }
    assert {name: what for name, what in problems.items() if what} == {}
    assert (status, untouched, branch) == (0, [], MENDED)
    assert "leaves out 1 of the repository's files of tests" in seen["one_file"].report
    assert "leaves out" not in seen["third_time"].report
    assert (
        f"- the patch is branch {name} in it, too\n- sandbox: docker\n- 1 run, 3 attempts" in seen["third_time"].report
    )
