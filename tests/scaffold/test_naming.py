"""Names of a database become names of Python and GraphQL, whatever they were."""

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strawberry.utils.str_converters import to_camel_case

from gateway.scaffold import naming


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("film_actor", ["film", "actor"]),
        ("OrderID", ["order", "id"]),
        ("HTTPServerName", ["http", "server", "name"]),
        ("Order Details", ["order", "details"]),
        ("größe", ["grosse"]),
        ("Øresund-Bro", ["oresund", "bro"]),
        ("名前", []),
        ("__typename", ["typename"]),
        ("address2", ["address2"]),
    ],
)
def test_words(name, words):
    """Words are found in snake_case, camelCase, with spaces and accents."""
    assert naming.words(name) == words


@pytest.mark.parametrize(
    ("several", "one"),
    [
        ("films", "film"),
        ("categories", "category"),
        ("people", "person"),
        ("addresses", "address"),
        ("movies", "movie"),
        ("boxes", "box"),
    ],
)
def test_singular_and_plural(several, one):
    """Tables are called in the plural or not; types in the singular, lists in the plural."""
    assert naming.singular(several) == one
    assert naming.singular(one) == one
    assert naming.plural(one) == several


@pytest.mark.parametrize("word", ["status", "address", "analysis", "alias", "bus", "gps", "news"])
def test_singulars_that_look_like_plurals(word):
    """A word that ends in s is not always several."""
    assert naming.singular(word) == word


@given(st.text(max_size=63))
def test_whatever_a_column_is_called_it_gets_a_name(name):
    """The attribute is an identifier that hides nothing, its GraphQL name one that is allowed."""
    snake = naming.snake(naming.words(name), "column")
    attribute = naming.attribute(snake)
    assert attribute.isidentifier()
    assert not keyword.iskeyword(attribute)
    camel = to_camel_case(snake)
    assert camel.isascii()
    assert camel.isidentifier()
    assert naming.pascal(naming.words(name), "Table").isidentifier()


@given(st.lists(st.sampled_from(["a", "a_2", "a2", "node_id", "or"]), max_size=20))
def test_no_name_is_given_twice(wanted):
    """Names differ in GraphQL too, where `a_2` and `a2` are one."""
    names = naming.field_names()
    free = [name for name in wanted if naming.is_free_field(to_camel_case(name))]
    given_names = [to_camel_case(names.take(name)) for name in free]
    assert len(set(given_names)) == len(free)
