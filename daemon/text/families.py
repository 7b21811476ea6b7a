"""Messages of the interpreter itself → their family: the same in every version of Python, without the user's names.

Names of builtin types and operators are kept, for they tell what went wrong; an attribute's name only where its owner
is a builtin type or a module. What compared values say in an assertion is data: only how they differ is kept. No
message of a library belongs here: `signature.masked` takes what this table does not know.
"""

import builtins
import re

from daemon.text.prompt import deltas

MESSAGE_CHARACTERS = 1_000  # what is longer is no message of the interpreter's
BUILTIN = {name for name, value in vars(builtins).items() if isinstance(value, type)} | {
    "NoneType", "builtin_function_or_method", "function", "method", "module", "generator", "coroutine", "dict_keys",
    "dict_values", "dict_items", "ellipsis", "NotImplementedType", "set_iterator", "list_iterator", "Decimal",
    "datetime", "re.Match", "_io.TextIOWrapper", "async_generator", "method-wrapper", "code", "frame",
}  # fmt: skip

# {t} is a type, {a} what is looked for on it, {k} is kept; every other name in a pattern is the user's.
_Q = "'[^']*'"
_FAMILIES = tuple(
    (re.compile(pattern), family)
    for pattern, family in (
        (rf"name {_Q} is not defined", "undefined"),
        (rf"local variable {_Q} referenced before assignment", "unbound"),
        (rf"cannot access local variable {_Q} where it is not associated with a value", "unbound"),
        (rf"free variable {_Q} referenced before assignment in enclosing scope", "unbound"),
        (rf"cannot access free variable {_Q} where it is not .*", "unbound"),
        (r"module '(?P<k>[\w.]+)' has no attribute '(?P<k2>\w+)'", "no-attribute:{k}:{k2}"),
        (r"(?:type object )?'(?P<t>[\w.]+)' object has no attribute '(?P<a>\w+)'.*", "no-attribute:{t}{a}"),
        (r"type object '(?P<t>[\w.]+)' has no attribute '(?P<a>\w+)'", "no-attribute:type:{t}{a}"),
        (r"can't set attribute.*", "no-setter"),
        (rf"property {_Q} of {_Q} object has no setter", "no-setter"),
        (r"unsupported operand type\(s\) for (?P<k>\S+)(?: or pow\(\))?: '(?P<t>[\w.]+)' and '(?P<t2>[\w.]+)'",
         "operands:{k}:{t}:{t2}"),
        (r"'(?P<k>\S+)' not supported between instances of '(?P<t>[\w.]+)' and '(?P<t2>[\w.]+)'",
         "operands:{k}:{t}:{t2}"),
        (r"bad operand type for (?P<k>\S+(?: [^:\s]+)?): '(?P<t>[\w.]+)'", "operand:{k}:{t}"),
        (r"can only concatenate (?P<t>\w+) \(not \"(?P<t2>[\w.]+)\"\) to \w+", "operands:+:{t}:{t2}"),
        (r"can't multiply sequence by non-int of type '(?P<t>[\w.]+)'", "operands:*:sequence:{t}"),
        (r"must be str, not (?P<t>[\w.]+)", "operands:+:str:{t}"),
        (r"'(?P<t>[\w.]+)' object is not (?P<k>subscriptable|iterable|callable|an iterator|reversible)", "not-{k}:{t}"),
        (r"'(?P<t>[\w.]+)' object does not support item (?P<k>assignment|deletion)", "no-item-{k}:{t}"),
        (r"'(?P<t>[\w.]+)' object doesn't support item (?P<k>assignment|deletion)", "no-item-{k}:{t}"),
        (r"'(?P<t>[\w.]+)' object cannot be interpreted as an integer", "not-an-integer:{t}"),
        (r"argument of type '(?P<t>[\w.]+)' is not (?:iterable|a container or iterable)", "not-a-container:{t}"),
        (r"object of type '(?P<t>[\w.]+)' has no len\(\)", "no-len:{t}"),
        (r"(?:cannot use '.*' as an? .* \()?unhashable type: '(?P<t>[\w.]+)'\)?", "unhashable:{t}"),
        (r"cannot unpack non-iterable (?P<t>[\w.]+) object", "not-unpackable:{t}"),
        (r"not enough values to unpack .*", "unpack:few"),
        (r"too many values to unpack .*", "unpack:many"),
        (r"(?P<k>list|tuple|string|bytes|bytearray|range object) (?:assignment )?index out of range", "range:{k}"),
        (r"pop from (?:an )?empty (?P<k>list|set|deque|bytearray)", "empty:{k}"),
        (r"(?P<k>list|tuple|byte|bytearray|string) indices must be integers(?: or slices)?(?:, not '?(?:[\w.]+)'?)?",
         "indices:{k}"),
        (r"slice indices must be integers or None.*", "indices:slice"),
        (r"[\w.<>]+\(\) takes .*", "arguments:many"),
        (r"[\w.<>]+\(\) missing \d+ required (?P<k>positional|keyword-only) arguments?: .*", "arguments:missing:{k}"),
        (r"[\w.<>]+ expected (?:at (?:most|least) )?\d+ arguments?, got \d+", "arguments:number"),
        (rf"[\w.<>]+\(\) got an unexpected keyword argument {_Q}.*", "arguments:unexpected"),
        (rf"{_Q} is an invalid keyword argument for .*", "arguments:unexpected"),
        (rf"[\w.<>]+\(\) got multiple values for (?:keyword )?argument {_Q}", "arguments:twice"),
        (r"Can't instantiate abstract class .*", "abstract"),
        (r"division by zero|(?:integer |float ).* by zero|.*modulo by zero", "by-zero"),
        (r"0\.0 cannot be raised to a negative power|zero to a negative power", "by-zero:power"),
        (r"maximum recursion depth exceeded.*", "recursion"),
        (r"invalid literal for int\(\) with base \d+: .*", "not-an-int"),
        (r"could not convert string to float: .*", "not-a-float"),
        (r"(?:int|float|complex)\(\) argument must be a string.* not '(?P<t>[\w.]+)'", "number-of:{t}"),
        (r"float\(\) argument must be a.* not '(?P<t>[\w.]+)'", "number-of:{t}"),
        (r"type (?P<t>[\w.]+) doesn't define __round__ method", "no-round:{t}"),
        (r"(?P<k>max|min)\(\) (?:arg is an empty sequence|iterable argument is empty)", "empty:{k}"),
        (r"list\.(?:remove|index)\(x\): x not in list|.* is not in (?:list|deque)|tuple\.index\(x\): x not in tuple",
         "not-in-list"),
        (r"substring not found|subsection not found", "substring"),
        (r"empty separator", "empty-separator"),
        (r"math domain error|expected a (?:nonnegative|positive) input, got .*|expected argument .*", "math-domain"),
        (r"sequence item \d+: expected (?P<t>[\w.-]+) instance, (?P<t2>[\w.]+) found", "join:{t2}"),
        (r"dictionary (?:changed size|keys changed) during iteration", "changed:dict"),
        (r"[Ss]et changed size during iteration", "changed:set"),
        (r"generator raised StopIteration", "stop"),
        (r"No module named '?(?P<k>\w+)[\w.]*'?.*", "no-module:{k}"),
        (rf"cannot import name {_Q} from .*", "no-name"),
        (r"must be real number, not (?P<t>[\w.]+)", "real:{t}"),
        (r"(?:startswith|endswith) first arg must be .*", "first-argument"),
        (r"exceptions must derive from BaseException", "not-an-exception"),
        (r"not (?:all arguments converted|enough arguments for format) .*", "format:number"),
        (r"Replacement index \d+ out of range for positional args tuple|tuple index out of range", "format:index"),
        (r"list\.insert index out of range", "range:list"),
    )
)  # fmt: skip
_HINTS = (" Did you ", ". Did you ", "; did you ")  # what newer versions add

# The sign that an assertion compares by; the first that fits.
_COMPARED = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (r".* is not (?:true|false)(?: : .*)?", "truth"),
        (r"\S+ not raised(?: by .*)?|DID NOT RAISE .*", "raises"),
        (r"assert .* (?:==|<=|>=|!=|<|>) .*|.* != .*|.* not (?:less|greater) than .*", "compared"),
        (r"assert .* in .*|.* not found in .*|.* unexpectedly found in .*", "in"),
        (r"assert .* is .*|.* is not None|unexpectedly None.*", "is"),
        (r"assert .*", "truth"),
    )
)
COMPARED_CHARACTERS = 400  # where the sign has to stand


def family(message: str) -> str:
    """The family of a message of the interpreter's, "" where it is none."""
    said = message[:MESSAGE_CHARACTERS].strip()
    for hint in _HINTS:
        said = said.partition(hint)[0].rstrip(".?")
    for pattern, words in _FAMILIES:
        if match := pattern.fullmatch(said):
            return words.format_map(_kept(match.groupdict(default="")))
    return ""


def _kept(groups: dict[str, str]) -> dict[str, str]:
    """What the message named, as far as it is not the user's."""
    types = {name: _type(value) for name, value in groups.items() if name.startswith("t")}
    attributes = {
        name: f":{value}" if groups.get("t", "") in BUILTIN else "" for name, value in groups.items() if name == "a"
    }
    return groups | types | attributes


def _type(name: str) -> str:
    return name if not name or name in BUILTIN else "<type>"


def of_assertion(message: str, line: str) -> tuple[str, str]:
    """What an assertion compared by, and how the values differed: "" where it said something else."""
    said = message[:COMPARED_CHARACTERS].strip()
    differ = re.match(r"(?:First|\w{1,40}) (?:sequences|differ)\w*: ", said)
    said = said[differ.end() :] if differ else said
    by = next((by for pattern, by in _COMPARED if pattern.fullmatch(said)), "")
    if not said:
        by = _by(line)
    looks = sorted(deltas(said)) if by == "compared" else []
    return by, (looks[0] if looks else "opaque") if by == "compared" else ""


def _by(line: str) -> str:
    """What the line of a bare assertion compares by."""
    signs = {"==": "compared", "!=": "compared", "<": "compared", ">": "compared", " in ": "in", " is ": "is"}
    return next((by for sign, by in signs.items() if sign in line), "truth")
