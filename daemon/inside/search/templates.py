"""The template families as one table: what each is called, what it costs, what it looks at, and who writes its edits.

The prior is a cost: the families that mend most bugs of the kind that people make are the cheapest. The frequencies
behind the order are those of single-statement fixes in public Python repositories (docs/search.md). No generator lives
here, and no number that is not a prior.
"""

import ast
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Tuple

from . import calls, conditions, containers, ingredients, names, operators, statements, values
from .source import COMPREHENSIONS, FUNCTIONS, Source, Splice


class Template(NamedTuple):
    """One family of edits."""

    name: str
    prior: float
    nodes: Tuple[Any, ...]
    splices: Callable[[Any, Source], Iterator[Splice]]


BRANCHES = (ast.If, ast.While, ast.IfExp, ast.comprehension)
VALUES = (ast.Return, ast.Assign, ast.AugAssign, ast.Call)
SIMPLE = (ast.Assign, ast.AugAssign, ast.Expr, ast.Return)
STATEMENTS = (*SIMPLE, ast.If, ast.For, ast.While, ast.With, ast.Raise, ast.Try)

TEMPLATES: Tuple[Template, ...] = (
    # the failing tests name what is missing
    Template("meant-name", 0.1, (ast.Name,), names.meant_names),
    Template("missing-import", 0.1, (ast.Module,), names.missing_imports),
    Template("meant-import", 0.1, (ast.ImportFrom,), names.meant_imports),
    Template("meant-attribute", 0.2, (ast.Attribute,), names.meant_attributes),
    Template("meant-keyword", 0.2, (ast.Call,), names.meant_keywords),
    Template("meant-key", 0.2, (ast.Constant,), names.meant_keys),
    Template("nonlocal", 0.2, FUNCTIONS, statements.nonlocals),
    # operators
    Template("compare-operator", 0.3, (ast.Compare,), operators.comparisons),
    Template("augmented-operator", 0.4, (ast.AugAssign,), operators.augmentations),
    Template("binary-operator", 0.5, (ast.BinOp,), operators.calculations),
    Template("boolean-operator", 0.5, (ast.BoolOp,), operators.connectives),
    Template("negate", 0.5, BRANCHES, operators.negations),
    Template("drop-sign", 0.5, (ast.UnaryOp,), operators.dropped_signs),
    Template("swap-operands", 0.6, (ast.BinOp,), operators.swapped_operands),
    Template("swap-compared", 0.7, (ast.Compare,), operators.compared_the_other_way),
    Template("drop-condition", 0.8, (ast.BoolOp,), operators.fewer_conditions),
    Template("assign-operator", 0.9, (ast.Assign, ast.AugAssign), operators.assignments),
    Template("drop-operand", 0.5, (ast.BinOp,), operators.fewer_operands),
    Template("regroup", 1.1, (ast.BinOp,), operators.regrouped),
    Template("add-sign", 1.2, (ast.Return, ast.Call, ast.Lambda), operators.added_signs),
    # constants and counting
    Template("constant", 0.5, (ast.Constant,), operators.constants),
    Template(
        "off-by-one",
        0.6,
        (ast.Subscript, ast.Call, ast.Compare, ast.Return, ast.Assign, ast.BinOp),
        operators.off_by_one,
    ),
    Template("empty", 0.8, (ast.List, ast.Tuple, ast.Dict, ast.Constant), containers.empties),
    Template("slice", 0.8, (ast.Subscript,), containers.slices),
    # names, attributes, calls
    Template("mistaken-call", 0.4, (ast.Name, ast.Attribute), calls.mistaken),
    Template("swap-arguments", 0.5, (ast.Call,), calls.arguments),
    Template("variable", 0.8, (ast.Name,), calls.variables),
    Template("attribute", 0.8, (ast.Attribute,), calls.attributes),
    Template("unwrap-call", 0.8, (ast.Call,), calls.unwrapped),
    Template("drop-argument", 1.0, (ast.Call,), calls.fewer_arguments),
    Template("other-function", 1.0, (ast.Call,), calls.other_functions),
    Template("add-argument", 1.1, (ast.Call,), calls.more_arguments),
    Template("like-sibling", 0.7, (ast.Call, ast.BinOp, ast.Compare, ast.Tuple), values.like_its_sibling),
    Template("wrap", 1.3, (*VALUES, ast.BinOp, ast.For, ast.Compare), values.wrapped),
    # containers
    Template("swap-elements", 0.6, (ast.Tuple, ast.List), containers.elements),
    Template("drop-element", 1.0, (ast.Tuple, ast.List, ast.Set), containers.fewer_elements),
    Template("add-element", 0.8, (ast.Tuple, ast.List, ast.Set), containers.more_elements),
    Template("get", 1.2, (ast.Subscript, ast.Call), containers.gets),
    Template("iterate", 1.1, (ast.For, ast.comprehension), containers.iterated),
    Template("choice", 0.8, (ast.IfExp,), values.choices),
    Template("unfilter", 1.0, COMPREHENSIONS, conditions.unfiltered),
    Template("filter", 1.3, COMPREHENSIONS, conditions.filters),
    Template("comprehension", 1.3, COMPREHENSIONS, containers.comprehended),
    Template("f-string", 0.6, (ast.Constant,), names.formatted),
    # a value becomes a larger one
    Template("extend", 1.3, (ast.Return, ast.Assign, ast.AugAssign, ast.Call, ast.BinOp, ast.Compare), values.extended),
    Template("concatenate", 1.3, (ast.Return, ast.Assign), values.concatenated),
    Template("bound", 1.4, (ast.Return, ast.Assign, ast.Call), values.bounded),
    Template("alternative", 1.6, (ast.Return, ast.Assign, ast.Call, ast.For), values.alternatives),
    # conditions
    Template("guard", 0.9, (*BRANCHES, ast.Assert), conditions.guards),
    Template("extend-condition", 1.1, BRANCHES, conditions.more_conditions),
    Template("other-condition", 1.2, BRANCHES, conditions.other_conditions),
    Template("return-truth", 0.9, (ast.Return,), conditions.returned_truths),
    # statements
    Template("in-place", 0.5, (ast.Assign, ast.Return), statements.in_place),
    Template("yield", 0.6, (ast.Yield, ast.YieldFrom), statements.yields),
    Template("return", 0.9, SIMPLE, statements.returned),
    Template("jump", 0.9, (ast.Break, ast.Continue, ast.Pass), statements.jumps),
    Template("fresh-default", 0.3, FUNCTIONS, statements.fresh_defaults),
    Template("turn", 1.0, (ast.If, ast.While), statements.turned),
    Template("assign-target", 1.0, (ast.Assign, ast.AugAssign), statements.targets),
    Template("assign-call", 0.9, (ast.Expr,), statements.assigned),
    Template("catch", 1.0, (ast.ExceptHandler,), statements.caught),
    Template("raise", 1.0, (ast.Raise,), statements.raised),
    Template("outdent", 1.1, STATEMENTS, statements.outdented),
    Template("indent", 1.4, STATEMENTS, statements.indented),
    Template("swap-statements", 1.3, STATEMENTS, statements.swapped),
    Template("delete", 1.6, (*STATEMENTS, ast.Break, ast.Continue), statements.deleted),
    Template("collect", 1.4, STATEMENTS, statements.inserted_collecting),
    Template("collect-last", 1.5, STATEMENTS, statements.appended_collecting),
    Template("insert-assign", 1.6, STATEMENTS, statements.inserted_assignments),
    Template("count", 1.7, STATEMENTS, statements.inserted_counters),
    Template("insert-guard", 1.8, STATEMENTS, statements.inserted_guards),
    Template("copy-renamed", 1.9, SIMPLE, statements.copied),
    Template("copy-beside", 2.2, STATEMENTS, statements.copied_from_beside),
    # what stands elsewhere
    Template("variable-for-expression", 1.4, ingredients.EXPRESSIONS, ingredients.variables_for_expressions),
    Template("ingredient", 2.2, (*ingredients.EXPRESSIONS, ast.Name, ast.Constant), ingredients.expressions),
)

# What a message of a failing test makes likelier: factors on the priors. A wrong value says nothing of its cause, a
# crash often does.
HINTS: Tuple[Tuple[str, Mapping[str, float]], ...] = (
    (r"^Hung|^out of fuel", {"compare-operator": 0.5, "augmented-operator": 0.6, "other-condition": 0.7, "count": 0.7}),
    (r"RecursionError", {"collect": 0.4, "count": 0.7, "insert-guard": 0.8, "insert-assign": 0.8}),
    (r"'?NoneType'? (?:object )?has no attribute|argument of type 'NoneType'", {"guard": 0.5, "return": 0.6}),
    (r"'NoneType' object|and 'NoneType'|NoneType: ", {"return": 0.5, "in-place": 0.6, "get": 0.7, "alternative": 0.6}),
    (r"IndexError", {"off-by-one": 0.7, "guard": 0.7, "insert-guard": 0.7, "extend-condition": 0.8}),
    (r"KeyError", {"get": 0.4, "insert-guard": 0.8}),
    (r"(?:argument|arg) is (?:an )?empty|StopIteration", {"add-argument": 0.3, "insert-guard": 0.8}),
    (r"ZeroDivisionError", {"insert-guard": 0.6, "extend-condition": 0.8, "choice": 0.8}),
    (r"missing \d+ required|expected (?:at least )?\d+ arguments?, got", {"add-argument": 0.3}),
    (r"takes (?:from )?\d+ .*positional argument|takes no (?:keyword )?arguments", {"drop-argument": 0.3}),
    (
        r"can only concatenate|must be str, not|unsupported operand|not supported between",
        {"wrap": 0.5, "unwrap-call": 0.7},
    ),
    (r"is not iterable|unhashable type|is not subscriptable|has no len", {"wrap": 0.5, "iterate": 0.7}),
    (r"UnboundLocalError", {"insert-assign": 0.7, "outdent": 0.7}),
    (r"dictionary changed size|changed size during iteration|mutated during", {"iterate": 0.3}),
)
