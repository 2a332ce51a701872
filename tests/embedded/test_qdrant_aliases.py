"""The embedded Qdrant's aliases."""

from __future__ import annotations

import grpc
import pytest
from embedded.qdrant_calls import fresh_name, refused
from qdrant_client import models as m

VECTORS = m.VectorParams(size=1, distance=m.Distance.DOT)


@pytest.fixture
async def client(qdrant_wire):
    async with qdrant_wire() as stock:
        yield stock


def create(alias, collection):
    return m.CreateAliasOperation(
        create_alias=m.CreateAlias(alias_name=alias, collection_name=collection)
    )


def rename(old, new):
    return m.RenameAliasOperation(
        rename_alias=m.RenameAlias(old_alias_name=old, new_alias_name=new)
    )


def delete(alias):
    return m.DeleteAliasOperation(delete_alias=m.DeleteAlias(alias_name=alias))


async def aliases_of(client, name):
    return {one.alias_name for one in (await client.get_collection_aliases(name)).aliases}


async def test_an_alias_stands_for_its_collection(client):
    """In every call on points; it can be moved in one step, and goes with its collection."""
    first, second = fresh_name(), fresh_name()
    for number, name in enumerate((first, second)):
        await client.create_collection(name, vectors_config=VECTORS)
        await client.upsert(name, [m.PointStruct(id=number, vector=[1.0])])
    alias = f"{first}_now"
    assert await client.update_collection_aliases([create(alias, first)])
    assert await client.collection_exists(alias)
    await client.upsert(alias, [m.PointStruct(id=9, vector=[1.0])])
    assert {one.id for one in (await client.scroll(first))[0]} == {0, 9}
    assert (await client.get_collection(alias)).points_count == 2
    await client.update_collection_aliases(
        [delete(alias), create(alias, second), create(f"{alias}_too", second)]
    )
    assert {one.id for one in (await client.scroll(alias))[0]} == {1}
    await client.update_collection_aliases([rename(f"{alias}_too", f"{alias}_then")])
    assert await aliases_of(client, second) == {alias, f"{alias}_then"}
    assert await aliases_of(client, first) == set()
    assert alias not in [one.name for one in (await client.get_collections()).collections]
    assert not await client.delete_collection(alias)
    await client.delete_collection(second)
    known = {one.alias_name for one in (await client.get_aliases()).aliases}
    assert not {alias, f"{alias}_then"} & known
    with refused(grpc.StatusCode.NOT_FOUND, alias):
        await client.count(alias)


async def test_all_actions_or_none(client):
    """One that cannot be done undoes those before it."""
    name = fresh_name()
    await client.create_collection(name, vectors_config=VECTORS)
    good = create(f"{name}_good", name)
    for bad, status, words in (
        (create("some", "nowhere"), grpc.StatusCode.NOT_FOUND, "nowhere"),
        (rename(f"{name}_none", "some"), grpc.StatusCode.NOT_FOUND, f"{name}_none"),
        (create(name, name), grpc.StatusCode.ALREADY_EXISTS, name),
        (create("", name), grpc.StatusCode.INVALID_ARGUMENT, "alias"),
    ):
        with refused(status, words):
            await client.update_collection_aliases([good, bad])
        assert await aliases_of(client, name) == set()
    await client.update_collection_aliases([good])
    with refused(grpc.StatusCode.ALREADY_EXISTS, f"{name}_good"):
        await client.create_collection(f"{name}_good", vectors_config=VECTORS)
