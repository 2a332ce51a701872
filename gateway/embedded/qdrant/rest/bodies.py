"""From the parts of an HTTP request to the message that gRPC would have brought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import TypeAdapter
from qdrant_client import grpc as pb
from qdrant_client.conversions.conversion import RestToGrpc
from qdrant_client.http import models as m

from gateway.embedded.qdrant.faults import invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    Read: TypeAlias = Callable[["Asked"], Any]
    """Reads a request into a message. Raises pydantic's `ValidationError`, `ValueError`, `Fault`"""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an HTTP request says: the variables of its path, and its body."""

    path: Mapping[str, str]
    body: bytes

    @property
    def collection(self) -> str:
        """The collection its path names."""
        return self.path["collection"]


def read(form: Any, convert: Callable[[Any, str], Any]) -> Read:
    """A reader of bodies of the type `form`, turned by `convert(body, collection)`."""
    adapter: TypeAdapter[Any] = TypeAdapter(form)
    return lambda asked: convert(adapter.validate_json(asked.body), asked.collection)


def change(form: Any, wrap: Callable[[Any], Any]) -> Read:
    """A reader of bodies that change points: each is a batch of the one operation `wrap` gives."""
    return read(form, lambda body, name: changes([wrap(body)], name))


def changes(operations: list[Any], name: str) -> pb.UpdateBatchPoints:
    """Several operations on the points of a collection."""
    converted = [RestToGrpc.convert_points_update_operation(one) for one in operations]
    return pb.UpdateBatchPoints(collection_name=name, operations=converted)


def named(message: type) -> Read:
    """A reader of requests that say nothing but the collection."""
    return lambda asked: message(collection_name=asked.collection)


def retrieval(body: m.PointRequest, name: str) -> pb.GetPoints:
    """Points by id; with their payload unless the body says otherwise."""
    return pb.GetPoints(
        collection_name=name,
        ids=[RestToGrpc.convert_extended_point_id(one) for one in body.ids],
        with_payload=_payload(True if body.with_payload is None else body.with_payload),
        with_vectors=_vectors(body.with_vector),
    )


def retrieval_of_one(asked: Asked) -> pb.GetPoints:
    """The point whose id is in the path, whole."""
    return pb.GetPoints(
        collection_name=asked.collection,
        ids=[_id_of_path(asked.path["id"])],
        with_payload=_payload(True),  # noqa: FBT003 - Qdrant's own "all of it"
        with_vectors=_vectors(True),  # noqa: FBT003 - likewise
    )


def scroll(body: m.ScrollRequest, name: str) -> pb.ScrollPoints:
    """A page of points."""
    offset, order = body.offset, body.order_by
    return pb.ScrollPoints(
        collection_name=name,
        filter=_filter(body.filter),
        offset=None if offset is None else RestToGrpc.convert_extended_point_id(offset),
        limit=body.limit,
        with_payload=None if body.with_payload is None else _payload(body.with_payload),
        with_vectors=_vectors(body.with_vector),
        order_by=None if order is None else RestToGrpc.convert_order_by_interface(order),
        shard_key_selector=_shard_key(body.shard_key),
    )


def count(body: m.CountRequest, name: str) -> pb.CountPoints:
    """A count."""
    return pb.CountPoints(collection_name=name, filter=_filter(body.filter), exact=body.exact)


def facet(body: m.FacetRequest, name: str) -> pb.FacetCounts:
    """The values of a payload field."""
    return pb.FacetCounts(
        collection_name=name,
        key=body.key,
        filter=_filter(body.filter),
        limit=body.limit,
        exact=body.exact,
    )


def query(body: m.QueryRequest, name: str) -> pb.QueryPoints:
    """A ranking."""
    return RestToGrpc.convert_query_request(body, name)


def query_batch(body: m.QueryRequestBatch, name: str) -> pb.QueryBatchPoints:
    """Several rankings."""
    return pb.QueryBatchPoints(
        collection_name=name, query_points=[query(one, name) for one in body.searches]
    )


def query_groups(body: m.QueryGroupsRequest, name: str) -> pb.QueryPointGroups:
    """The best groups of a ranking."""
    wanted = m.QueryRequest(
        **{
            key: getattr(body, key)
            for key in body.model_fields_set & m.QueryRequest.model_fields.keys()
        }
    )
    ranking = query(wanted, name)
    shared = {
        field.name: value
        for field, value in ranking.ListFields()
        if field.name in pb.QueryPointGroups.DESCRIPTOR.fields_by_name
    }
    lookup = body.with_lookup
    if isinstance(lookup, str):
        lookup = m.WithLookup(collection=lookup)
    return pb.QueryPointGroups(
        **(shared | {"limit": body.limit}),
        group_by=body.group_by,
        group_size=body.group_size,
        with_lookup=None if lookup is None else RestToGrpc.convert_with_lookup(lookup),
    )


def aliases(asked: Asked) -> pb.ChangeAliases:
    """Changes of aliases."""
    body = m.ChangeAliasesOperation.model_validate_json(asked.body)
    actions = [RestToGrpc.convert_alias_operations(one) for one in body.actions]
    return pb.ChangeAliases(actions=actions)


def _payload(wish: Any) -> pb.WithPayloadSelector:
    return RestToGrpc.convert_with_payload_interface(wish)


def _vectors(wish: Any) -> pb.WithVectorsSelector | None:
    return None if wish is None else RestToGrpc.convert_with_vectors(wish)


def _filter(body: m.Filter | None) -> pb.Filter | None:
    return None if body is None else RestToGrpc.convert_filter(body)


def _shard_key(body: Any) -> Any:
    return None if body is None else RestToGrpc.convert_shard_key_selector(body)


def _id_of_path(text: str) -> pb.PointId:
    if text.isdecimal() and int(text) < 2**64:
        return pb.PointId(num=int(text))
    try:
        return pb.PointId(uuid=str(UUID(text)))
    except ValueError:
        raise invalid(f"point id {text[:64]!r} is neither an unsigned integer nor a UUID") from None
