import pytest

from evaluator import evaluate
from lexer import BadExpression, tokens


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("1 + 2", 3),
        ("3 * 4", 12),
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("2 ^ 3", 8),
        ("2 ^ 3 ^ 2", 512),
        ("-3 + 5", 2),
        ("1.5 * 2", 3),
    ],
)
def test_evaluate(text, value):
    assert evaluate(text) == value


def test_difference():
    assert evaluate("7 - 2") == 5


def test_differences_go_from_left_to_right():
    assert evaluate("10 - 3 - 2") == 5


def test_quotient():
    assert evaluate("8 / 2") == 4


def test_tokens():
    assert tokens("1+(2*3)") == [1.0, "+", "(", 2.0, "*", 3.0, ")"]


@pytest.mark.parametrize("text", ["", "1 +", "(1", "1 2", "1 $ 2", ")"])
def test_bad_expressions(text):
    with pytest.raises(BadExpression):
        evaluate(text)
