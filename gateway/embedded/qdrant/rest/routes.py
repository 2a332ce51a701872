"""Every REST operation: its path, the procedure behind it, and how both ends are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qdrant_client import grpc as pb
from qdrant_client.conversions.conversion import GrpcToRest
from qdrant_client.http import models as m

from gateway.embedded.qdrant.administration import COLLECTION_CALLS, HEALTH_CALLS
from gateway.embedded.qdrant.aliases import ALIAS_CALLS
from gateway.embedded.qdrant.faults import missing
from gateway.embedded.qdrant.groups import GROUP_CALLS
from gateway.embedded.qdrant.queries import QUERY_CALLS
from gateway.embedded.qdrant.reads import READ_CALLS
from gateway.embedded.qdrant.rest import bodies, descriptions
from gateway.embedded.qdrant.rest.bodies import change, named, read
from gateway.embedded.qdrant.writes import WRITE_CALLS

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.embedded.qdrant.rest.bodies import Asked, Read
    from gateway.embedded.qdrant.rpc import Call


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    call: Call
    read: Read
    answer: Callable[[Any], Any]
    """Turns the procedure's answer into `result`."""


_ONE = "/collections/{collection}"
_POINTS = f"{_ONE}/points"
_PAYLOAD = f"{_POINTS}/payload"


def _done(response: pb.CollectionOperationResponse) -> bool:
    return response.result


def _collections(response: pb.ListCollectionsResponse) -> m.CollectionsResponse:
    listed = [GrpcToRest.convert_collection_description(one) for one in response.collections]
    return m.CollectionsResponse(collections=listed)


def _aliases(response: pb.ListAliasesResponse) -> m.CollectionsAliasesResponse:
    listed = [GrpcToRest.convert_alias_description(one) for one in response.aliases]
    return m.CollectionsAliasesResponse(aliases=listed)


def _exists(response: pb.CollectionExistsResponse) -> m.CollectionExistence:
    return m.CollectionExistence(exists=response.result.exists)


def _updated(response: pb.PointsOperationResponse) -> m.UpdateResult:
    return GrpcToRest.convert_update_result(response.result)


def _all_updated(response: pb.UpdateBatchResponse) -> list[m.UpdateResult]:
    return [GrpcToRest.convert_update_result(one) for one in response.result]


def _first_updated(response: pb.UpdateBatchResponse) -> m.UpdateResult:
    return _all_updated(response)[0]


def _records(response: pb.GetResponse) -> list[m.Record]:
    return [GrpcToRest.convert_retrieved_point(one) for one in response.result]


def _record(response: pb.GetResponse) -> m.Record:
    if not response.result:
        raise missing("Not found: there is no point with this id")
    return _records(response)[0]


def _page(response: pb.ScrollResponse) -> m.ScrollResult:
    following = response.HasField("next_page_offset")
    return m.ScrollResult(
        points=[GrpcToRest.convert_retrieved_point(one) for one in response.result],
        next_page_offset=(
            GrpcToRest.convert_point_id(response.next_page_offset) if following else None
        ),
    )


def _hits(response: Any) -> m.QueryResponse:
    return m.QueryResponse(points=[GrpcToRest.convert_scored_point(p) for p in response.result])


def _facet(response: pb.FacetResponse) -> m.FacetResponse:
    return m.FacetResponse(hits=[GrpcToRest.convert_facet_value_hit(hit) for hit in response.hits])


def _changed_index(method: str, path: str, call: str, reader: Read) -> Operation:
    return Operation(method, path, WRITE_CALLS[call], reader, _updated)


def _changed_points(method: str, path: str, reader: Read) -> Operation:
    return Operation(method, path, WRITE_CALLS["UpdateBatch"], reader, _first_updated)


def _listed(_asked: Asked) -> pb.ListCollectionsRequest:
    return pb.ListCollectionsRequest()


OPERATIONS = (
    Operation("GET", "/collections", COLLECTION_CALLS["List"], _listed, _collections),
    Operation(
        "GET",
        "/aliases",
        ALIAS_CALLS["ListAliases"],
        lambda _asked: pb.ListAliasesRequest(),
        _aliases,
    ),
    Operation("POST", "/collections/aliases", ALIAS_CALLS["UpdateAliases"], bodies.aliases, _done),
    Operation(
        "GET",
        f"{_ONE}/aliases",
        ALIAS_CALLS["ListCollectionAliases"],
        named(pb.ListCollectionAliasesRequest),
        _aliases,
    ),
    Operation(
        "GET",
        f"{_ONE}/exists",
        COLLECTION_CALLS["CollectionExists"],
        named(pb.CollectionExistsRequest),
        _exists,
    ),
    Operation(
        "GET",
        _ONE,
        COLLECTION_CALLS["Get"],
        named(pb.GetCollectionInfoRequest),
        lambda response: GrpcToRest.convert_collection_info(response.result),
    ),
    Operation(
        "PUT",
        _ONE,
        COLLECTION_CALLS["Create"],
        read(m.CreateCollection, descriptions.creation),
        _done,
    ),
    Operation(
        "PATCH",
        _ONE,
        COLLECTION_CALLS["Update"],
        read(m.UpdateCollection, descriptions.update),
        _done,
    ),
    Operation("DELETE", _ONE, COLLECTION_CALLS["Delete"], named(pb.DeleteCollection), _done),
    _changed_index(
        "PUT", f"{_ONE}/index", "CreateFieldIndex", read(m.CreateFieldIndex, descriptions.index)
    ),
    _changed_index(
        "DELETE",
        f"{_ONE}/index/{{field:path}}",
        "DeleteFieldIndex",
        lambda asked: pb.DeleteFieldIndexCollection(
            collection_name=asked.collection, field_name=asked.path["field"]
        ),
    ),
    Operation("POST", _POINTS, READ_CALLS["Get"], read(m.PointRequest, bodies.retrieval), _records),
    Operation(
        "POST",
        f"{_POINTS}/scroll",
        READ_CALLS["Scroll"],
        read(m.ScrollRequest, bodies.scroll),
        _page,
    ),
    Operation(
        "POST",
        f"{_POINTS}/count",
        READ_CALLS["Count"],
        read(m.CountRequest, bodies.count),
        lambda response: GrpcToRest.convert_count_result(response.result),
    ),
    Operation(
        "POST", f"{_ONE}/facet", READ_CALLS["Facet"], read(m.FacetRequest, bodies.facet), _facet
    ),
    Operation(
        "POST",
        f"{_POINTS}/query",
        QUERY_CALLS["Query"],
        read(m.QueryRequest, bodies.query),
        _hits,
    ),
    Operation(
        "POST",
        f"{_POINTS}/query/batch",
        QUERY_CALLS["QueryBatch"],
        read(m.QueryRequestBatch, bodies.query_batch),
        lambda response: [_hits(one) for one in response.result],
    ),
    Operation(
        "POST",
        f"{_POINTS}/query/groups",
        GROUP_CALLS["QueryGroups"],
        read(m.QueryGroupsRequest, bodies.query_groups),
        lambda response: GrpcToRest.convert_groups_result(response.result),
    ),
    Operation(
        "POST",
        f"{_POINTS}/batch",
        WRITE_CALLS["UpdateBatch"],
        read(m.UpdateOperations, lambda body, name: bodies.changes(body.operations, name)),
        _all_updated,
    ),
    _changed_points(
        "PUT",
        _POINTS,
        change(m.PointInsertOperations, lambda body: m.UpsertOperation(upsert=body)),
    ),
    _changed_points(
        "POST",
        f"{_POINTS}/delete",
        change(m.PointsSelector, lambda body: m.DeleteOperation(delete=body)),
    ),
    _changed_points(
        "PUT",
        f"{_POINTS}/vectors",
        change(m.UpdateVectors, lambda body: m.UpdateVectorsOperation(update_vectors=body)),
    ),
    _changed_points(
        "POST",
        f"{_POINTS}/vectors/delete",
        change(m.DeleteVectors, lambda body: m.DeleteVectorsOperation(delete_vectors=body)),
    ),
    _changed_points(
        "POST",
        _PAYLOAD,
        change(m.SetPayload, lambda body: m.SetPayloadOperation(set_payload=body)),
    ),
    _changed_points(
        "PUT",
        _PAYLOAD,
        change(m.SetPayload, lambda body: m.OverwritePayloadOperation(overwrite_payload=body)),
    ),
    _changed_points(
        "POST",
        f"{_PAYLOAD}/delete",
        change(m.DeletePayload, lambda body: m.DeletePayloadOperation(delete_payload=body)),
    ),
    _changed_points(
        "POST",
        f"{_PAYLOAD}/clear",
        change(m.PointsSelector, lambda body: m.ClearPayloadOperation(clear_payload=body)),
    ),
    Operation("GET", f"{_POINTS}/{{id}}", READ_CALLS["Get"], bodies.retrieval_of_one, _record),
)
"""What is served under Qdrant's `{"result": …, "status": "ok", "time": …}`."""

VERSION = Operation(
    "GET",
    "/",
    HEALTH_CALLS["HealthCheck"],
    lambda _asked: pb.HealthCheckRequest(),
    GrpcToRest.convert_health_check_reply,
)
"""What the server is; its answer stands alone, without `result` around it."""
