"""From the parts of an HTTP request to the message that gRPC would have brought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from qdrant_client import grpc as pb
from qdrant_client.conversions.conversion import RestToGrpc
from qdrant_client.http import models as m

from gateway.embedded.qdrant.faults import unsupported

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


def change(form: Any, operation: type, name: str) -> Read:
    """A reader of bodies that change points: each is a batch of the one `operation(name=body)`."""

    def convert(body: Any, collection: str) -> pb.UpdateBatchPoints:
        one = RestToGrpc.convert_points_update_operation(operation(**{name: body}))
        return pb.UpdateBatchPoints(collection_name=collection, operations=[one])

    return read(form, convert)


def named(message: type) -> Read:
    """A reader of requests that say nothing but the collection."""
    return lambda asked: message(collection_name=asked.collection)


def creation(body: m.CreateCollection, name: str) -> pb.CreateCollection:
    """A collection to be made."""
    made = pb.CreateCollection(collection_name=name)
    for option in body.model_fields_set:
        given = getattr(body, option)
        if given is None:
            continue
        if option == "vectors":
            made.vectors_config.CopyFrom(RestToGrpc.convert_vectors_config(given))
        elif option == "sparse_vectors":
            made.sparse_vectors_config.CopyFrom(RestToGrpc.convert_sparse_vector_config(given))
        elif option == "metadata":
            made.metadata.MergeFrom(pb.Struct(fields=RestToGrpc.convert_payload(given)).fields)
        else:
            raise unsupported(f"the collection option {option}")
    return made


def index(body: m.CreateFieldIndex, name: str) -> pb.CreateFieldIndexCollection:
    """A payload index to be made, by its type alone."""
    request = pb.CreateFieldIndexCollection(collection_name=name, field_name=body.field_name)
    if isinstance(body.field_schema, m.PayloadSchemaType):
        kind = body.field_schema.value.capitalize()
        request.field_type = pb.FieldType.Value(f"FieldType{kind}")
    elif body.field_schema is not None:
        raise unsupported("parameters of a payload index")
    return request


def retrieval(body: m.PointRequest, name: str) -> pb.GetPoints:
    """Points by id; with their payload unless the body says otherwise."""
    return pb.GetPoints(
        collection_name=name,
        ids=[RestToGrpc.convert_extended_point_id(one) for one in body.ids],
        with_payload=_payload(True if body.with_payload is None else body.with_payload),
        with_vectors=_vectors(body.with_vector),
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


def query_batch(body: m.QueryRequestBatch, name: str) -> pb.QueryBatchPoints:
    """Several rankings."""
    asked = [RestToGrpc.convert_query_request(one, name) for one in body.searches]
    return pb.QueryBatchPoints(collection_name=name, query_points=asked)


def query_groups(body: m.QueryGroupsRequest, name: str) -> pb.QueryPointGroups:
    """The best groups of a ranking."""
    if body.with_lookup is not None:
        raise unsupported("groups looked up in another collection")
    shared = body.model_fields_set & m.QueryRequest.model_fields.keys()
    wanted = m.QueryRequest(**{key: getattr(body, key) for key in shared})
    ranking = RestToGrpc.convert_query_request(wanted, name)
    known = pb.QueryPointGroups.DESCRIPTOR.fields_by_name
    given = {field.name: value for field, value in ranking.ListFields() if field.name in known}
    return pb.QueryPointGroups(
        **(given | {"limit": body.limit}), group_by=body.group_by, group_size=body.group_size
    )


def _payload(wish: Any) -> pb.WithPayloadSelector:
    return RestToGrpc.convert_with_payload_interface(wish)


def _vectors(wish: Any) -> pb.WithVectorsSelector | None:
    return None if wish is None else RestToGrpc.convert_with_vectors(wish)


def _filter(body: m.Filter | None) -> pb.Filter | None:
    return None if body is None else RestToGrpc.convert_filter(body)
