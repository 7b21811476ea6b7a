"""Families that move, drop, turn or add whole statements, the guards and the collecting that were forgotten among them.

They work on lines, so a statement that shares its line with another one is left alone. What a family costs stands in
`templates.py`.
"""

import ast
import re
from token import tok_name
from tokenize import generate_tokens
from typing import Any, Iterator, List, Tuple

from .calls import ranked_names, unlike
from .conditions import pool
from .fragments import Code
from .source import DEFINITIONS, ENDS, FUNCTIONS, LOOPS, Source, Splice, kind_of, lines_of
from .vocabulary import EXCEPTIONS, IN_PLACE, PURE

ANY_NAME = 0.8  # what two names cost that are asked for without likeness to anything; here they are like each other
GUARDS = 14  # conditions that are tried as a guard in one place
SIMPLE = (
    ast.Assign,
    ast.AugAssign,
    ast.AnnAssign,
    ast.Expr,
    ast.Return,
    ast.Raise,
    ast.Break,
    ast.Continue,
    ast.Delete,
)


def deleted(node: Any, source: Source) -> Iterator[Splice]:
    """A statement less, or only its condition: `if a: b else: c` → `b`, `c`."""
    block, place = source.block(node)
    start, end = source.before(node), source.after(node)
    if source.indent(node) is None or (place == 0 and isinstance(node, ast.Expr) and kind_of(node.value) == "text"):
        return
    if len(block) > 1 or isinstance(source.parents[node], ast.Module):
        yield Splice(start, end, "")
    elif block is getattr(source.parents[node], "body", None):
        yield source.rewrite(node, "pass", 0.3)
    elif source.data.startswith(b"elif", source.span(node)[0]):
        yield Splice(start, source.after(node.body[-1]), "")
    for branch in (node.body, node.orelse) if isinstance(node, ast.If) else ():
        if branch:
            yield Splice(start, end, _shifted(source, branch, source.indent(node) or ""), 0.1)


def swapped(node: Any, source: Source) -> Iterator[Splice]:
    """A statement and the next one change places."""
    block, place = source.block(node)
    if place + 1 < len(block) and source.indent(node) is not None and source.indent(block[place + 1]) is not None:
        other = block[place + 1]
        if isinstance(node, DEFINITIONS) or isinstance(other, DEFINITIONS):
            return
        start, middle, end = source.before(node), source.before(other), source.after(other)
        second = source.slice(middle, end)
        yield Splice(start, end, (second if second.endswith("\n") else second + "\n") + source.slice(start, middle))


def outdented(node: Any, source: Source) -> Iterator[Splice]:
    """The last (or first) statement of a block leaves it."""
    block, place = source.block(node)
    above = source.parents[node]
    if not isinstance(above, (ast.If, ast.For, ast.While, ast.With, ast.Try)) or len(block) == 1:
        return
    outer = source.indent(above)
    if outer is None or source.indent(node) is None:
        return
    own = _shifted(source, [node], outer)
    start, end, last = source.before(node), source.after(node), source.after(above)
    if place == len(block) - 1:
        yield Splice(start, last, source.slice(end, last) + own)
    elif place == 0 and block is getattr(above, "body", None):
        yield Splice(source.before(above), end, own + source.slice(source.before(above), start), 0.2)


def indented(node: Any, source: Source) -> Iterator[Splice]:
    """A statement after a block becomes its last."""
    block, place = source.block(node)
    above = block[place - 1] if place else None
    inner = _last_block(above)
    if above is None or not inner or source.indent(inner[-1]) is None or source.indent(node) is None:
        return
    yield Splice(source.before(node), source.after(node), _shifted(source, [node], source.indent(inner[-1]) or ""))


def turned(node: Any, source: Source) -> Iterator[Splice]:
    """`if` → `while` and back, `elif` → `if` and back."""
    start = source.span(node)[0]
    word = re.match(r"(if|elif|while)\b", source.slice(start, start + 6))
    if word is None:
        return
    others = {"if": ["while"], "while": ["if"], "elif": ["if"]}[word[1]]
    block, place = source.block(node)
    if word[1] == "if" and place and isinstance(block[place - 1], ast.If):
        others.append("elif")
    for likely, other in enumerate(others):
        if not (isinstance(node, ast.If) and node.orelse and other == "while"):
            yield Splice(start, start + len(word[1]), other, 0.1 * likely)


def jumps(node: Any, source: Source) -> Iterator[Splice]:
    """`break` ↔ `continue` ↔ `return` ↔ nothing."""
    for place, other in enumerate(("continue", "break", "pass", "return")):
        if other != source.said(node):
            yield source.rewrite(node, other, 0.2 * place)


def returned(node: Any, source: Source) -> Iterator[Splice]:
    """A function that forgets to return: its last value, or what it has collected."""
    function = source.function(node)
    if function is None or function.name == "__init__":
        return
    if isinstance(node, ast.Expr) and not isinstance(node.value, (ast.Constant, ast.Yield, ast.YieldFrom)):
        yield source.rewrite(node, f"return {source.said(node.value)}", 0.0 if node is function.body[-1] else 0.5)
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and node is source.block(node)[0][-1]:
        yield source.rewrite(node, f"return {source.said(node.value)}", 0.3)
    if node is function.body[-1] and not isinstance(node, ast.Return):
        for name, detail in ranked_names(node, source):
            yield from source.insert(node, f"return {name}", detail, below=True)
    if isinstance(node, ast.Return):
        for name, detail in ranked_names(node, source):
            yield source.rewrite(node, f"return {name}", 0.3 + detail)
        if node.value is not None and source.loop(node) is not None:
            yield source.rewrite(node, f"yield {source.said(node.value)}", 0.8)


def yields(node: Any, source: Source) -> Iterator[Splice]:
    """`yield xs` ↔ `yield from xs`, `yield x` → `return x`."""
    if node.value is None:
        return
    value = source.code(node.value).within(1)
    other = f"yield {value}" if isinstance(node, ast.YieldFrom) else f"yield from {value}"
    yield source.rewrite(node, other)
    yield source.rewrite(node, f"yield [{value}]", 0.6)
    if isinstance(source.parents[node], ast.Expr):
        yield source.rewrite(node, f"return {value}", 0.9)


def targets(node: Any, source: Source) -> Iterator[Splice]:
    """`a[u, v] = e` → `b[v] = e`: another place is assigned to."""
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    if isinstance(target, ast.Tuple) or len(getattr(node, "targets", [target])) > 1:
        return
    said = source.said(target)
    stored = (ast.Name, ast.Subscript, ast.Attribute)
    own = {
        source.said(each) for each in source.neighbourhood(node) if isinstance(each, stored) and hasattr(each, "lineno")
    }
    containers = [
        name for name in source.names(node) if source.scope(node).kind(name) not in ("number", "text", "truth", "set")
    ]
    indices = [name for name in source.names(node) if source.scope(node).kind(name) not in ("list", "dict", "set")]
    subscripts = [f"{name}[{index}]" for name in containers for index in indices if name != index]
    for other in sorted(own):
        if other != said and "\n" not in other:
            yield source.replace(
                target, Code(other), 0.2 if isinstance(target, ast.Name) == other.isidentifier() else 0.5
            )
    if not isinstance(target, ast.Name):
        for other in subscripts[:40]:
            yield source.replace(target, Code(other), 0.6 if other not in own else 0.2)


def assigned(node: ast.Expr, source: Source) -> Iterator[Splice]:
    """`s.strip()` → `s = s.strip()`, `d[k].update(v)` → `d[k] = v`: a call whose result, or whose kind, was meant."""
    value = node.value
    if not isinstance(value, ast.Call):
        return
    if isinstance(value.func, ast.Attribute):
        owner = source.said(value.func.value)
        pure = value.func.attr in PURE
        yield source.rewrite(node, f"{owner} = {source.said(value)}", 0.0 if pure else 0.5)
        if len(value.args) == 1:
            yield source.rewrite(node, f"{owner} = {source.said(value.args[0])}", 0.2)
            yield source.rewrite(node, f"{owner} += {source.said(value.args[0])}", 0.4)
            yield source.rewrite(node, f"{owner} = {owner} + [{source.said(value.args[0])}]", 0.6)
    elif value.args:
        yield source.rewrite(node, f"{source.said(value.args[0])} = {source.said(value)}", 0.1)


def in_place(node: Any, source: Source) -> Iterator[Splice]:
    """`xs = xs.sort()` → `xs.sort()`, `return xs.sort()` → `return sorted(xs)`: what works in place gives nothing."""
    value = node.value
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in IN_PLACE:
        owner, said = source.said(value.func.value), source.said(value)
        arguments = said[said.index("(", len(owner)) + 1 : -1]
        if isinstance(node, ast.Assign):
            yield source.rewrite(node, said)
            yield from _both_lines(node, source, said, f"{source.said(node.targets[0])} = {owner}")
        elif isinstance(node, ast.Return):
            yield from _both_lines(node, source, said, f"return {owner}")
        other = {"sort": "sorted", "reverse": "reversed"}.get(value.func.attr)
        if other is not None:
            yield source.replace(value, Code(f"{other}({owner}{', ' + arguments if arguments else ''})"), 0.1)


def inserted_assignments(node: Any, source: Source) -> Iterator[Splice]:
    """`a = b` before this statement: a variable that is not carried along."""
    names = [(name, detail) for name, detail in ranked_names(node, source) if "self" not in name]
    scope = source.scope(node)
    stored = _stored_in(source.neighbourhood(node))
    for target, far in names:
        for value, also_far in names:
            alike = scope.kind(target) == scope.kind(value)
            if target != value and target in stored:
                unlikely = far + also_far - ANY_NAME + ANY_NAME / 2 * unlike(target, value) + (0.0 if alike else 0.3)
                yield from source.insert(node, f"{target} = {value}", unlikely)


def inserted_collecting(node: Any, source: Source) -> Iterator[Splice]:
    """`xs.append(x)`, `seen.add(x)`, `counts[x] += 1` before this statement."""
    for text, detail in _collecting(node, source):
        yield from source.insert(node, text, detail)


def appended_collecting(node: Any, source: Source) -> Iterator[Splice]:
    """The same below the last statement of a block, the end of every turn."""
    block, place = source.block(node)
    if place == len(block) - 1 and not isinstance(node, ENDS) and source.function(node) is not None:
        for text, detail in _collecting(node, source):
            yield from source.insert(node, text, 0.1 + detail, below=True)


def inserted_counters(node: Any, source: Source) -> Iterator[Splice]:
    """`n += 1`, `n -= 1` before this statement, or after it when it ends a block."""
    block, place = source.block(node)
    last = place == len(block) - 1 and not isinstance(node, ENDS)
    for name, detail in ranked_names(node, source):
        if source.scope(node).kind(name) in ("", "number"):
            for more, text in ((0.0, f"{name} += 1"), (0.1, f"{name} -= 1"), (0.3, f"{name} = 0")):
                yield from source.insert(node, text, more + detail)
                if last:
                    yield from source.insert(node, text, more + detail + 0.05, below=True)


def inserted_guards(node: Any, source: Source) -> Iterator[Splice]:
    """`if not xs: return []` before this statement; in a loop also `continue` and `break`."""
    function = source.function(node)
    if function is None:
        return
    exits = [("return", text, detail) for text, detail in _returnable(function, source)]
    if source.loop(node) is not None:
        exits += [("continue", "", 0.0), ("break", "", 0.2)]
    first = 0.0 if node is _first(function) else 0.3
    for condition in pool(node, source)[:GUARDS]:
        for word, value, detail in exits:
            text = f"if {condition.code.text}:\n{source.step}{word}{' ' + value if value else ''}"
            yield from source.insert(node, text, first + condition.detail + detail)


def copied(node: Any, source: Source) -> Iterator[Splice]:
    """A statement once more with another name in it: the half that was forgotten."""
    text = source.said(node)
    if "\n" in text or isinstance(node, ENDS):
        return
    named = [each for each in ast.walk(node) if isinstance(each, ast.Name)]
    for each in list({each.id: each for each in named}.values())[:4]:
        for name, detail in ranked_names(node, source, each.id)[:6]:
            if name != each.id:
                changed = re.sub(rf"\b{re.escape(each.id)}\b", name, text)
                yield from source.insert(node, changed, detail, below=True)


def copied_from_beside(node: Any, source: Source) -> Iterator[Splice]:
    """A simple statement of the same function, once more before this one."""
    function = source.function(node)
    if function is None:
        return
    said = [source.said(each) for each in source.walk(function) if isinstance(each, SIMPLE)]
    for text in dict.fromkeys(said):
        if "\n" not in text and text != source.said(node) and not text.startswith(('"', "'")):
            yield from source.insert(node, text, 0.0 if not text.startswith("return") else 0.5)


def fresh_defaults(node: Any, source: Source) -> Iterator[Splice]:
    """`def f(xs=[]):` → `def f(xs=None):` and a fresh one inside: a default is shared by all calls."""
    positional = [*getattr(node.args, "posonlyargs", []), *node.args.args]
    pairs = list(zip(positional[len(positional) - len(node.args.defaults) :], node.args.defaults))
    first = _first(node)
    for argument, default in pairs + list(zip(node.args.kwonlyargs, node.args.kw_defaults)):
        if isinstance(default, (ast.List, ast.Dict, ast.Set, ast.Call)) and first is not None:
            indent, name = source.indent(first), argument.arg
            (start, end), body = source.span(default), source.before(first)
            if indent is not None:
                fresh = f"{indent}if {name} is None:\n{indent}{source.step}{name} = {source.said(default)}\n"
                yield Splice(start, body, "None" + source.slice(end, body) + fresh)


def caught(node: ast.ExceptHandler, source: Source) -> Iterator[Splice]:
    """`except ValueError` → `except KeyError`, `except (ValueError, KeyError)`: first what the tests died of."""
    if node.type is None:
        return
    said = " ".join(source.evidence.errors)
    known = [each.id if isinstance(each, ast.Name) else "" for each in getattr(node.type, "elts", [node.type])]
    raised = sorted(
        set(re.findall(r"\b([A-Z]\w*(?:Error|Exception|Iteration|Interrupt))\b", said)) - {"AssertionError"}
    )
    for name in dict.fromkeys([*raised, *EXCEPTIONS]):
        far = 0.0 if name in raised else 0.7
        if name not in known:
            both = ", ".join([*(source.said(each) for each in getattr(node.type, "elts", [node.type])), name])
            yield source.replace(node.type, Code(name), far)
            yield source.replace(node.type, Code(f"({both})"), far + 0.1)


def raised(node: ast.Raise, source: Source) -> Iterator[Splice]:
    """`raise TypeError(…)` → `raise ValueError(…)`."""
    name = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    if isinstance(name, ast.Name):
        said = " ".join(source.evidence.errors)
        for place, other in enumerate(EXCEPTIONS):
            if other != name.id:
                yield source.replace(name, Code(other), 0.0 if other in said else 0.2 + 0.05 * place)


def nonlocals(node: Any, source: Source) -> Iterator[Splice]:
    """`nonlocal n`, `global n`: a variable of outside that is assigned to."""
    first = _first(node)
    unbound = {name for said in source.evidence.errors for name in re.findall(r"local variable '(\w+)'", said)}
    if first is None or not unbound:
        return
    word = "nonlocal" if any(isinstance(above, FUNCTIONS) for above in source.around(node)) else "global"
    for name in sorted(unbound):
        yield from source.insert(first, f"{word} {name}")


def _collecting(node: Any, source: Source) -> Iterator[Tuple[str, float]]:
    scope = source.scope(node)
    names = ranked_names(node, source)
    values = [(name, detail) for name, detail in names if scope.kind(name) not in ("list", "dict", "set")]
    values += [(name, detail + 0.4) for name, detail in names if scope.kind(name) in ("list", "dict", "set")]
    for holder in source.names(node):
        kind = scope.kind(holder)
        for name, detail in values:
            if name == holder:
                continue
            if kind in ("list", ""):
                yield f"{holder}.append({name})", detail + (0.0 if kind else 0.6)
            if kind == "list":
                yield f"{holder}.extend({name})", detail + 0.6
            if kind in ("set", ""):
                yield f"{holder}.add({name})", detail + (0.0 if kind else 0.8)
            if kind == "dict":
                yield f"{holder}[{name}] += 1", detail + 0.4


def _returnable(function: Any, source: Source) -> List[Tuple[str, float]]:
    """What a function may return early: what it returns elsewhere, and the empty values."""
    values = [each.value for each in source.walk(function) if isinstance(each, ast.Return) and each.value is not None]
    said = [source.said(value) for value in values]
    plain = [text for text in dict.fromkeys(said) if len(text) < 30 and "\n" not in text]  # noqa: PLR2004  a value, not a formula
    found = [(text, 0.0) for text in plain] + [
        (arg.arg, 0.2) for arg in function.args.args if arg.arg not in ("self", "cls")
    ]
    found += [
        (text, 0.2 + 0.1 * place)
        for place, text in enumerate(("None", "False", "0", "[]", '""', "True", "{}", "-1", "1"))
    ]
    return list(dict(reversed(found)).items())[::-1]


def _stored_in(nodes: List[ast.AST]) -> List[str]:
    return [each.id for each in nodes if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]


def _first(function: Any) -> Any:
    """The first statement of a function that is not its docstring."""
    body = function.body
    documented = isinstance(body[0], ast.Expr) and kind_of(body[0].value) == "text"
    return body[1] if documented and len(body) > 1 else None if documented else body[0]


def _last_block(above: Any) -> List[ast.stmt]:
    """The block that ends last in a compound statement."""
    if isinstance(above, (ast.If, *LOOPS)) and above.orelse:
        return _last_block(above.orelse[-1]) or above.orelse
    return above.body if isinstance(above, (ast.If, *LOOPS, ast.With)) else []


def _shifted(source: Source, statements: List[Any], indent: str) -> str:
    """The lines of statements at another indentation."""
    old = source.indent(statements[0])
    text = source.slice(source.before(statements[0]), source.after(statements[-1]))
    if old is None:
        return text
    lines = lines_of(text)
    spoken = {
        line
        for each in generate_tokens(iter(lines).__next__)
        if "STRING" in tok_name[each.type]  # and the parts of those with holes
        for line in range(each.start[0], each.end[0])
    }  # that a text goes on in: what looks like their indentation is a part of it
    moved = "".join(
        indent + line[len(old) :] if line.startswith(old) and number not in spoken else line
        for number, line in enumerate(lines)
    )
    return moved if moved.endswith("\n") else moved + "\n"


def _both_lines(node: Any, source: Source, first: str, second: str) -> Iterator[Splice]:
    indent = source.indent(node)
    if indent is not None:
        yield source.rewrite(node, f"{first}\n{indent}{second}", 0.1)
