"""The part of FHIRPath that the views use, compiled once into plain Python functions.

Member paths, `[n]`, `$this`, `%constant`, literals, `=`, `!=`, `and`, `or`, and the functions `first`, `exists`,
`empty`, `not`, `where`, `ofType`, `extension`, `join`, `getResourceKey` and `getReferenceKey`. An expression maps a
list of JSON values to a list of JSON values. Compiling is strict; evaluating is tolerant: a value of an unexpected
JSON type has no members, so it yields nothing and never raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Values: TypeAlias = list[Any]
Step: TypeAlias = Callable[[Values], Values]

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^'\\]|\\.)*')|(?P<number>\d+)|(?P<name>[A-Za-z_]\w*|\$this|%\w+|`[^`]+`)|"
    r"(?P<sign>!=|[=.,()\[\]]))"
)
DATA_TYPES = {"Age", "Annotation", "Attachment", "CodeableConcept", "Coding", "Duration", "Identifier", "Period",
              "Quantity", "Range", "Ratio", "Reference", "SampledData", "Timing"}  # fmt: skip

_KEY = re.compile(r"(?:^|.*/)([A-Z][A-Za-z]+)/([^/?#]+)(?:/_history/[^/?#]*)?")


class PathError(ValueError):
    """An expression of a view cannot be compiled."""


def compile_path(text: str, constants: Mapping[str, Any] | None = None) -> Step:
    """Compile one expression.

    Args:
        text: the expression.
        constants: values of `%name` in it.

    Raises:
        PathError: it is no expression of the subset, or names an unknown constant.

    Examples:
        >>> compile_path("name.where(use = 'official').given.first()")([{"name": [{"use": "official", "given": "A"}]}])
        ['A']
    """
    parser = _Parser(text, constants or {})
    step = parser.either()
    parser.expect_end()
    return step


class _Parser:
    """Recursive descent over the tokens of one expression; every method returns the function of what it read."""

    def __init__(self, text: str, constants: Mapping[str, Any]) -> None:
        self.text = text
        self.constants = constants
        self.tokens = _tokens(text)
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, wanted: str | None = None) -> str:
        if self.at >= len(self.tokens) or (wanted is not None and self.peek() != wanted):
            raise PathError(f"{self.text}: {wanted or 'more'} is expected after {self.tokens[: self.at][-1:]}")
        self.at += 1
        return self.tokens[self.at - 1][1]

    def expect_end(self) -> None:
        if self.at < len(self.tokens):
            raise PathError(f"{self.text}: {self.peek()} is not understood")

    def either(self) -> Step:
        step = self.both()
        while self.peek() == "or":
            self.take()
            step = _either(step, self.both())
        return step

    def both(self) -> Step:
        step = self.comparison()
        while self.peek() == "and":
            self.take()
            step = _both(step, self.comparison())
        return step

    def comparison(self) -> Step:
        step = self.path()
        if self.peek() in {"=", "!="}:
            wanted = self.take() == "="
            step = _equal(step, self.path(), wanted)
        return step

    def path(self) -> Step:
        step = self.term()
        while self.peek() in {".", "["}:
            counts = self.tokens[self.at + 1 : self.at + 2] in ([("name", "exists")], [("name", "empty")])
            step = _then(step, self.function() if self.take() == "." else self.index(), counts)
        return step

    def index(self) -> Step:
        number = int(self.take())
        self.take("]")
        return lambda focus: focus[number : number + 1]

    def term(self) -> Step:
        kind, word = self.tokens[self.at] if self.at < len(self.tokens) else ("", "")
        if word == "(":
            self.take()
            step = self.either()
            self.take(")")
            return step
        if kind == "name" and word[0] not in "%$" and word not in {"true", "false"}:
            return self.function()
        self.take()
        return _this if word == "$this" else _constant(self.literal(kind, word))

    def literal(self, kind: str, word: str) -> Any:
        if kind == "string":
            return re.sub(r"\\(.)", r"\1", word[1:-1])
        if kind == "number":
            return int(word)
        if word in {"true", "false"}:
            return word == "true"
        if word[1:] in self.constants and word[0] == "%":
            return self.constants[word[1:]]
        raise PathError(f"{self.text}: {word or 'nothing'} is not understood")

    def function(self) -> Step:
        """A member, a member with its type, or a function of the focus."""
        name = self.take().strip("`")
        if self.peek() == "(":
            return self.call(name)
        names = [name + self.choice()]
        while self.is_plain_member():
            self.take(".")
            names.append(self.take().strip("`") + self.choice())
        return Members(tuple(names))

    def choice(self) -> str:
        """The type behind an element `name[x]`: JSON writes value.ofType(integer) as valueInteger."""
        following = [token for _, token in self.tokens[self.at : self.at + 4]]
        if following[:3] != [".", "ofType", "("] or not is_data_type(following[-1]):
            return ""
        self.at += 4
        self.take(")")
        return following[3][:1].upper() + following[3][1:]

    def is_plain_member(self) -> bool:
        """Whether `.name` follows that is no call."""
        kinds = [kind for kind, _ in self.tokens[self.at : self.at + 2]]
        after = [word for _, word in self.tokens[self.at + 2 : self.at + 3]]
        return self.peek() == "." and kinds[1:] == ["name"] and after != ["("]

    def call(self, name: str) -> Step:
        self.take("(")
        if name == "ofType":
            return _of_type(self.argument())
        if name == "getReferenceKey":
            return ReferenceKey(self.argument() or None)
        given = self.either() if self.peek() != ")" else None
        self.take(")")
        return self.known(name, given)

    def argument(self) -> str:
        """The name of a type in brackets, empty when there is none."""
        name = self.take() if self.peek() != ")" else ""
        self.take(")")
        return name

    def known(self, name: str, given: Step | None) -> Step:
        if given is None and name in _PLAIN:
            return _PLAIN[name]
        if given is not None and name in _WITH_ARGUMENT:
            return _WITH_ARGUMENT[name](given)
        raise PathError(f"{self.text}: the function {name} is not known, or not with these arguments")


def _tokens(text: str) -> list[tuple[str, str]]:
    found = []
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise PathError(f"{text}: not understood from character {at + 1}")
        found.append((str(match.lastgroup), match[str(match.lastgroup)]))
        at = match.end()
    return found


def _this(focus: Values) -> Values:
    return focus


def _constant(value: Any) -> Step:
    return lambda _: [value]


def _then(first: Step, second: Step, counts: bool = False) -> Step:  # noqa: FBT001, FBT002
    """One step after another; of nothing only a step that counts makes something."""
    if first is _this:
        return second
    if isinstance(first, Members) and isinstance(second, ReferenceKey):
        return ReferenceKey(second.wanted, first)

    def step(focus: Values) -> Values:
        found = first(focus)
        return second(found) if found or counts else found

    return step


@dataclass(frozen=True, slots=True)
class Members:
    """A chain of members; written for the common case of objects all the way down."""

    names: tuple[str, ...]

    def __call__(self, focus: Values) -> Values:
        """The values of the chain, nulls left out."""
        if len(focus) != 1:
            return _spread(focus, self.names)
        node = focus[0]
        for at, name in enumerate(self.names):
            if type(node) is not dict:
                return _spread(node, self.names[at:]) if type(node) is list else []
            node = node.get(name)
        if node is None:
            return []
        return [some for some in node if some is not None] if type(node) is list else [node]


def _spread(nodes: Values, names: tuple[str, ...]) -> Values:
    for name in names:
        found: Values = []
        for node in nodes:
            value = node.get(name) if type(node) is dict else None
            if type(value) is list:
                found.extend(value)
            else:
                found.append(value)
        nodes = [value for value in found if value is not None]
    return nodes


def is_data_type(name: str) -> bool:
    """Whether `ofType` of that name picks an element's data type rather than a resource type."""
    return name[:1].islower() or name in DATA_TYPES


def _of_type(wanted: str) -> Step:
    return lambda focus: [node for node in focus if type(node) is dict and node.get("resourceType") == wanted]


def is_true(values: Values) -> bool:
    """A single value that is not `false` is true, as FHIRPath evaluates a single item."""
    return len(values) == 1 and values[0] is not False


def _both(left: Step, right: Step) -> Step:
    return lambda focus: [is_true(left(focus)) and is_true(right(focus))]


def _either(left: Step, right: Step) -> Step:
    return lambda focus: [is_true(left(focus)) or is_true(right(focus))]


def _equal(left: Step, right: Step, wanted: bool) -> Step:  # noqa: FBT001
    def step(focus: Values) -> Values:
        one, other = left(focus), right(focus)
        return [_same(one, other) is wanted] if one and other else []

    return step


def _same(one: Values, other: Values) -> bool:
    """Equality of JSON values; Python alone would call `true` and 1 equal."""
    return one == other and all((type(a) is bool) == (type(b) is bool) for a, b in zip(one, other, strict=True))


def _first(focus: Values) -> Values:
    return focus[:1]


@dataclass(frozen=True, slots=True)
class ReferenceKey:
    """The keys of references to a type (None: any), of the focus or of what a chain of members leads to."""

    wanted: str | None
    path: Members | None = None

    def __call__(self, focus: Values) -> Values:
        """The keys of those that have one."""
        nodes = self.path(focus) if self.path else focus
        found = (reference_key(node.get("reference"), self.wanted) for node in nodes if type(node) is dict)
        return [key for key in found if key is not None]


def reference_key(reference: object, wanted: str | None = None) -> str | None:
    """The key of the resource that a reference points at, equal to that resource's own key; None when it has none.

    `Patient/1`, an absolute address, one with `/_history/`, and `urn:uuid:` have a key. Contained resources (`#x`),
    searches (`Practitioner?identifier=`) and references to another type than `wanted` have none.

    Examples:
        >>> reference_key("https://example.org/fhir/Patient/1/_history/2", "Patient")
        '1'
    """
    if type(reference) is not str:
        return None
    if reference.startswith(("urn:uuid:", "urn:oid:")):
        return reference.rpartition(":")[2] or None
    kind, _, key = reference.partition("/")
    if kind == wanted and key and "/" not in key and "?" not in key and "#" not in key:
        return key
    found = _KEY.fullmatch(reference)
    return found[2] if found and wanted in {None, found[1]} else None


def _where(test: Step) -> Step:
    return lambda focus: [node for node in focus if is_true(test([node]))]


def _extension(address: Step) -> Step:
    extensions = Members(("extension",))

    def step(focus: Values) -> Values:
        (wanted,) = address([])
        return [some for some in extensions(focus) if type(some) is dict and some.get("url") == wanted]

    return step


def _join(separator: Step) -> Step:
    def step(focus: Values) -> Values:
        (between,) = separator([])
        return [between.join(some for some in focus if type(some) is str)] if focus else []

    return step


_PLAIN: dict[str, Step] = {
    "first": _first,
    "exists": lambda focus: [bool(focus)],
    "empty": lambda focus: [not focus],
    "not": lambda focus: [not is_true(focus)] if focus else [],
    "join": _join(_constant("")),
    "getResourceKey": Members(("id",)),
}
_WITH_ARGUMENT: dict[str, Callable[[Step], Step]] = {
    "where": _where,
    "exists": lambda test: _then(_where(test), _PLAIN["exists"], counts=True),
    "extension": _extension,
    "join": _join,
}
