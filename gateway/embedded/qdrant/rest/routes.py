"""Every REST operation: its path, the procedure behind it, and how both ends are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qdrant_client import grpc as pb
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc
from qdrant_client.http import models as m

from gateway.embedded.qdrant.administration import COLLECTION_CALLS, HEALTH_CALLS
from gateway.embedded.qdrant.groups import GROUP_CALLS
from gateway.embedded.qdrant.queries import QUERY_CALLS
from gateway.embedded.qdrant.reads import READ_CALLS
from gateway.embedded.qdrant.rest import bodies
from gateway.embedded.qdrant.rest.bodies import change, named, read
from gateway.embedded.qdrant.writes import WRITE_CALLS

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.embedded.qdrant.rest.bodies import Read
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


def _done(response: pb.CollectionOperationResponse) -> bool:
    return response.result


def _collections(response: pb.ListCollectionsResponse) -> m.CollectionsResponse:
    listed = [GrpcToRest.convert_collection_description(one) for one in response.collections]
    return m.CollectionsResponse(collections=listed)


def _exists(response: pb.CollectionExistsResponse) -> m.CollectionExistence:
    return m.CollectionExistence(exists=response.result.exists)


def _updated(response: pb.PointsOperationResponse) -> m.UpdateResult:
    return GrpcToRest.convert_update_result(response.result)


def _first_updated(response: pb.UpdateBatchResponse) -> m.UpdateResult:
    return GrpcToRest.convert_update_result(response.result[0])


def _records(response: pb.GetResponse) -> list[m.Record]:
    return [GrpcToRest.convert_retrieved_point(one) for one in response.result]


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


def _read(path: str, call: Call, reader: Read, answer: Callable[[Any], Any]) -> Operation:
    return Operation("POST", f"{_ONE}{path}", call, reader, answer)


def _changed(method: str, path: str, form: Any, operation: type, name: str) -> Operation:
    reader = change(form, operation, name)
    return Operation(method, f"{_POINTS}{path}", WRITE_CALLS["UpdateBatch"], reader, _first_updated)


OPERATIONS = (
    Operation(
        "GET",
        "/collections",
        COLLECTION_CALLS["List"],
        lambda _asked: pb.ListCollectionsRequest(),
        _collections,
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
        "PUT", _ONE, COLLECTION_CALLS["Create"], read(m.CreateCollection, bodies.creation), _done
    ),
    Operation("DELETE", _ONE, COLLECTION_CALLS["Delete"], named(pb.DeleteCollection), _done),
    Operation(
        "PUT",
        f"{_ONE}/index",
        WRITE_CALLS["CreateFieldIndex"],
        read(m.CreateFieldIndex, bodies.index),
        _updated,
    ),
    Operation(
        "DELETE",
        f"{_ONE}/index/{{field:path}}",
        WRITE_CALLS["DeleteFieldIndex"],
        lambda asked: pb.DeleteFieldIndexCollection(
            collection_name=asked.collection, field_name=asked.path["field"]
        ),
        _updated,
    ),
    _read("/points", READ_CALLS["Get"], read(m.PointRequest, bodies.retrieval), _records),
    _read("/points/scroll", READ_CALLS["Scroll"], read(m.ScrollRequest, bodies.scroll), _page),
    _read(
        "/points/count",
        READ_CALLS["Count"],
        read(m.CountRequest, bodies.count),
        lambda response: GrpcToRest.convert_count_result(response.result),
    ),
    _read("/facet", READ_CALLS["Facet"], read(m.FacetRequest, bodies.facet), _facet),
    _read(
        "/points/query",
        QUERY_CALLS["Query"],
        read(m.QueryRequest, RestToGrpc.convert_query_request),
        _hits,
    ),
    _read(
        "/points/query/batch",
        QUERY_CALLS["QueryBatch"],
        read(m.QueryRequestBatch, bodies.query_batch),
        lambda response: [_hits(one) for one in response.result],
    ),
    _read(
        "/points/query/groups",
        GROUP_CALLS["QueryGroups"],
        read(m.QueryGroupsRequest, bodies.query_groups),
        lambda response: GrpcToRest.convert_groups_result(response.result),
    ),
    _changed("PUT", "", m.PointInsertOperations, m.UpsertOperation, "upsert"),
    _changed("POST", "/delete", m.PointsSelector, m.DeleteOperation, "delete"),
    _changed("POST", "/payload", m.SetPayload, m.SetPayloadOperation, "set_payload"),
    _changed("PUT", "/payload", m.SetPayload, m.OverwritePayloadOperation, "overwrite_payload"),
    _changed(
        "POST", "/payload/delete", m.DeletePayload, m.DeletePayloadOperation, "delete_payload"
    ),
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
