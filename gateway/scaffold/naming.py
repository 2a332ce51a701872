"""Names of a database made into names of Python and GraphQL, and kept apart from each other."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from pluralizer import Pluralizer
from strawberry.utils.str_converters import to_camel_case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_ENGLISH = Pluralizer()  # type: ignore[no-untyped-call]  # typed but for its constructor
for _word in ("data", "info", "lens", "metadata", "feedback", "physics", "species"):
    _ENGLISH.add_uncountable_rule(_word)
_ENGLISH.add_irregular_rule("cache", "caches")

_SINGULAR_ENDS = ("ss", "is", "as")
"""Ends of words that look like plurals and mostly are none: status, analysis, alias."""

_SPELT = {"ß": "ss", "æ": "ae", "ø": "o", "đ": "d", "ł": "l", "þ": "th", "œ": "oe"}
_NO_DECOMPOSITION = str.maketrans(
    _SPELT
    | {letter.upper(): spelt.capitalize() for letter, spelt in _SPELT.items() if letter != "ß"}
)

BUILTINS = frozenset(dir(builtins))
KEYWORDS = frozenset(keyword.kwlist)

TYPES = frozenset(
    {
        *("Query", "Mutation", "Subscription", "Node", "PageInfo", "Connection", "Edge", "Hits"),
        *("Int", "Float", "String", "Boolean", "ID", "BigInt", "Bytes", "Decimal", "UUID", "JSON"),
        *("Date", "DateTime", "Time", "Duration", "Void", "Upload", "Direction", "Isolation"),
        *("Any", "Domain", "StrEnum", "TimeUnit"),
    }
)
"""Names of types that GraphQL, Strawberry or the engine has taken."""

TYPE_ENDS = (
    *("Aggregate", "Connection", "Edge", "Filter", "GroupBy", "GroupOrderBy", "Having", "Hit"),
    *("Insert", "List", "ListFilter", "ListOrderBy", "ListWhere", "OrderBy", "Patch", "Queries"),
    *("Append", "DeleteAt", "Inc", "Number", "Prepend", "Update"),
    *("Column", "GroupTruncate", "OrderByColumn", "OrderByNumber", "Where"),
    *(
        whole + part
        for whole in ("Aggregate", "Having")
        for part in ("Avg", "CountDistinct", "Group", "Key", "Max", "Min", "Sum")
    ),
)
"""Ends of the names that the engine makes from those of entities, enums and scalars."""

FIELDS = frozenset({"node", "nodeId", "and", "or", "not"})
"""GraphQL names the engine has taken: of fields, and in a `where`."""

ATTRIBUTES = frozenset(
    {
        *("bool", "bytes", "dict", "float", "int", "list", "str", "dt", "models"),
        *("column", "belongs_to", "by_key", "entity", "has_many", "has_one", "listing"),
        *("many_through", "queries", "is_type_of", "resolve_type", "resolve_reference"),
    }
)
"""What stands in a generated module and must not be hidden by an attribute of a class."""


def words(name: str) -> list[str]:
    """The words of a name, in lower case and plain ASCII: `OrderID 2` → order, id, 2."""
    plain = unicodedata.normalize("NFKD", name.translate(_NO_DECOMPOSITION))
    ascii_ = "".join(letter for letter in plain if not unicodedata.combining(letter))
    apart = re.sub(r"([a-z0-9])([A-Z])|([A-Z]+)([A-Z][a-z])", r"\1\3_\2\4", ascii_)
    return [word.lower() for word in re.split(r"[^A-Za-z0-9]+", apart) if word]


@cache
def singular(word: str) -> str:
    """One of several: `categories` → `category`; a word that is singular stays."""
    if len(word) <= 3 or word.endswith(_SINGULAR_ENDS):  # noqa: PLR2004 - gps, sms, bus
        return word
    return _ENGLISH.singular(word)


@cache
def plural(word: str) -> str:
    """Several of one: `category` → `categories`; `word` is singular."""
    return _ENGLISH.plural(word) if word[-1:].isalpha() else word


def singular_words(name: str) -> list[str]:
    """The words of a table's name, the last one singular."""
    found = words(name)
    return [*found[:-1], singular(found[-1])] if found else []


def plural_of(snake: str) -> str:
    """A singular snake_case name in the plural."""
    head, _, last = snake.rpartition("_")
    return f"{head}_{plural(last)}" if head else plural(last)


def snake(parts: Sequence[str], otherwise: str) -> str:
    """snake_case; `otherwise` begins a name that would begin with a digit, or is one."""
    name = "_".join(parts)
    if not name:
        return otherwise
    return f"{otherwise}_{name}" if name[0].isdigit() else name


def pascal(parts: Sequence[str], otherwise: str) -> str:
    """PascalCase, likewise."""
    name = "".join(part.capitalize() for part in parts)
    if not name:
        return otherwise
    return f"{otherwise}{name}" if name[0].isdigit() else name


def human(snake_name: str) -> str:
    """A snake_case name for people: `film_actor` → `film actor`."""
    return snake_name.replace("_", " ")


def article(noun: str) -> str:
    """`a film`, `an actor`, `a user`."""
    vowel = noun.startswith(tuple("aeiou")) and not noun.startswith(("eu", "one", "uni", "us"))
    return f"an {noun}" if vowel else f"a {noun}"


def is_free_type(name: str) -> bool:
    """Whether neither Python, GraphQL nor the engine uses a type's name."""
    return not (name in TYPES or name in BUILTINS or name in KEYWORDS)


def is_free_field(camel: str) -> bool:
    """Whether the engine does not use a field's GraphQL name."""
    return camel not in FIELDS and not camel.startswith("__")


class Names:
    """The names of one namespace, each given once.

    `form` makes what must differ from a name; `free` says which of these may be had at all; `gap`
    stands between a name and its number.
    """

    def __init__(
        self,
        form: Callable[[str], str] = str,
        free: Callable[[str], bool] = lambda _: True,
        taken: Iterable[str] = (),
        gap: str = "_",
    ) -> None:
        self._form = form
        self._free = free
        self._taken = set(taken)
        self._gap = gap

    def is_free(self, name: str) -> bool:
        """Whether `take` would give this name."""
        form = self._form(name)
        return form not in self._taken and self._free(form)

    def take(self, *candidates: str) -> str:
        """The first free candidate, else the last one with the first free number."""
        name = next((one for one in candidates if self.is_free(one)), None)
        number = 2
        while name is None:
            numbered = f"{candidates[-1]}{self._gap}{number}"
            name = numbered if self.is_free(numbered) else None
            number += 1
        self._taken.add(self._form(name))
        return name


def field_names() -> Names:
    """The namespace of a class's fields, which must differ in GraphQL too."""
    return Names(to_camel_case, is_free_field)


def root_names() -> Names:
    """The namespace of root fields, which are called the same in Python."""
    hidden = {to_camel_case(name) for name in KEYWORDS | ATTRIBUTES}
    return Names(to_camel_case, is_free_field, hidden)


def type_names(bases: Iterable[str]) -> Names:
    """The namespace of a schema's types; from `bases` and scalars the engine makes further names.

    Beside `Film` there are a `FilmConnection`, a `FilmWhere` and a `FilmListWhere`, which is also
    what the `FilmWhere` of a `FilmList` would be called.
    """
    made = {base + end for base in {*bases, *TYPES} for end in TYPE_ENDS}
    return Names(free=is_free_type, taken=made, gap="")


def attribute(name: str) -> str:
    """The Python attribute of a field: a name that hides nothing its class needs."""
    return f"{name}_" if name in KEYWORDS or name in ATTRIBUTES else name


def variable(name: str) -> str:
    """The Python variable of a module: a name that hides no builtin."""
    return f"{name}_" if name in KEYWORDS or name in BUILTINS else name
