"""What clients do with answers in parts: put them together, by either of the two formats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import httpx


def parts_of(response: httpx.Response) -> list[dict[str, Any]]:
    """The parts of a response, read as the RFC says; asserts its framing to the byte."""
    assert response.status_code == 200
    kind = response.headers["content-type"]
    assert kind.startswith('multipart/mixed; boundary="-"; ')
    assert response.headers["cache-control"] == "no-store"
    before, *parts, after = response.content.split(b"\r\n---")
    assert (before, after) == (b"", b"--\r\n")
    head = b"\r\ncontent-type: application/json; charset=utf-8\r\n\r\n"
    assert all(part.startswith(head) for part in parts)
    return [orjson.loads(part.removeprefix(head)) for part in parts]


def put_together(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The data and errors of all parts; asserts that they are parts of one answer."""
    assert [part.get("hasNext", False) for part in parts] == [True] * (len(parts) - 1) + [False]
    first = parts[0]
    whole = {"data": first.get("data"), "errors": list(first.get("errors", ()))}
    known: dict[str, list[str | int]] = {}
    for part in parts:
        for one in part.get("pending", ()):
            assert one["id"] not in known
            known[one["id"]] = one["path"]
        for one in part.get("incremental", ()):
            whole["errors"] += one.get("errors", ())
            if "id" in one:
                _by_id(whole["data"], known[one["id"]], one)
            else:
                _by_path(whole["data"], one)
        for one in part.get("completed", ()):
            del known[one["id"]]
            whole["errors"] += one.get("errors", ())
    assert not known
    return whole


def _by_id(data: Any, path: Sequence[str | int], part: dict[str, Any]) -> None:
    """What is new goes to its place, where it was not before."""
    place = _at(data, [*path, *part.get("subPath", ())])
    if "items" in part:
        place.extend(part["items"])
        return
    assert not part["data"].keys() & place.keys(), "sent twice"
    place.update(part["data"])


def _by_path(data: Any, part: dict[str, Any]) -> None:
    """A fragment is merged into what is there; entries are put behind those that are there."""
    if "items" in part:
        *path, number = part["path"]
        place = _at(data, path)
        if part["items"] is not None:
            assert len(place) == number
            place.extend(part["items"])
    elif part["data"] is not None:
        _merge(_at(data, part["path"]), part["data"])


def _merge(old: Any, new: Any) -> None:
    steps = new.items() if isinstance(new, dict) else enumerate(new)
    for step, value in steps:
        known = old.get(step) if isinstance(old, dict) else old[step]
        if isinstance(value, dict | list) and known is not None:
            assert isinstance(value, dict) or len(value) == len(known)
            _merge(known, value)
        else:
            assert known is None or known == value
            old[step] = value


def _at(data: Any, path: Iterable[str | int]) -> Any:
    for step in path:
        data = data[step]
    return data
