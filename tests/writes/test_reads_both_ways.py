"""Many-to-many between the rows of one table, from either end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from writes.stand import Stand

ADD = """mutation { insertTag(input: {word: "pets", narrower: [{word: "cats"}, {word: "dogs"}]})
    { word narrower { nodes { word wider { nodes { word } } } } wider { nodes { word } } } }"""


async def test_both_ends_see_each_other(stand: Stand) -> None:
    """What one end is linked to by the one column, the other is by the other."""
    made = await stand.data(ADD)
    pets = {"nodes": [{"word": "pets"}]}
    assert made["insertTag"] == {
        "word": "pets",
        "narrower": {"nodes": [{"word": "cats", "wider": pets}, {"word": "dogs", "wider": pets}]},
        "wider": {"nodes": []},
    }
    assert await stand.rows("SELECT wider_id, narrower_id FROM tag_links ORDER BY 2") == [
        (1, 2),
        (1, 3),
    ]


async def test_conditions_from_both_ends(stand: Stand) -> None:
    """`some` and `none` follow the direction of the relation."""
    await stand.data(ADD)
    for where, words in (
        ('{narrower: {some: {word: {eq: "cats"}}}}', ["pets"]),
        ('{wider: {some: {word: {eq: "pets"}}}}', ["cats", "dogs"]),
        ('{wider: {some: {word: {eq: "cats"}}}}', []),
    ):
        found = await stand.data(f"{{ tags(where: {where}) {{ nodes {{ word }} }} }}")
        assert [row["word"] for row in found["tags"]["nodes"]] == words
