"""Two servers' replies are equal only when a client could not tell them apart."""

import pytest

from bench.replies import ReplyError, canonical, compare, relative


def test_spaces_and_the_spelling_of_numbers_do_not_matter():
    """What JSON calls the same value is the same."""
    compare(["q"], [b'{"data":{"a":1,"b":"\\u00e9"}}'], ['{"data": {"a": 1.0, "b": "é"}}'.encode()])


@pytest.mark.parametrize(
    "other",
    [
        b'{"data":{"a":{"x":1,"y":3}}}',
        b'{"data":{"a":{"y":2,"x":1}}}',
        b'{"data":{"a":{"x":1,"y":"2"}}}',
        b'{"data":{"a":{"x":1}}}',
    ],
)
def test_values_order_types_and_absence_matter(other):
    """Fields come in the order of the document, with the same values and types."""
    with pytest.raises(ReplyError, match="replies differ"):
        compare(["q"], [b'{"data":{"a":{"x":1,"y":2}}}'], [other])


@pytest.mark.parametrize(
    "reply",
    [
        b"<html>",
        b"[]",
        b'{"data":null}',
        b'{"data":{"trend":null}}',
        b'{"data":{"a":1},"errors":[{"message":"x"}]}',
    ],
)
def test_a_reply_without_an_answer_is_refused(reply):
    """Two servers that fail alike do not agree."""
    with pytest.raises(ReplyError):
        canonical(reply)


def test_new_rows_are_equal_when_their_ids_follow_each_other_alike():
    """Where the numbers begin does not matter; their order and their gaps do."""
    one = relative(b'{"data":{"insertTopics":[{"id":"7"},{"id":"8"}]}}')
    compare(["q"], [one], [relative(b'{"data":{"insertTopics":[{"id":"101"},{"id":"102"}]}}')])
    for other in (b'8},{"id":7', b'7},{"id":9', b'7},{"id":8},{"id":9'):
        reply = b'{"data":{"insertTopics":[{"id":' + other + b"}]}}"
        with pytest.raises(ReplyError):
            compare(["q"], [one], [relative(reply)])
    with pytest.raises(ReplyError):
        relative(b'{"data":null,"errors":[]}')
