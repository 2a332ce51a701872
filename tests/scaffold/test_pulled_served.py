"""The pulled package is served as it is: the gateway opens on it, and answers."""

import asyncio
import contextlib

import orjson
import pytest

from gateway.composition import Gateway
from gateway.execution.exchange import GraphQLRequest
from gateway.settings import load
from gateway.viewer import ANONYMOUS

QUESTIONS = {
    "nested relations and many-to-many": (
        """{ film(filmId: 1) {
            title releaseYear rating rentalRate specialFeatures language { languageId }
            originalLanguage { languageId }
            actors(orderBy: [{lastName: ASC}]) { nodes { lastName } }
            categories { nodes { name films { totalCount } } } } }""",
        {
            "film": {
                "title": "ALPHA DAWN",
                "releaseYear": 2006,
                "rating": "PG_13",
                "rentalRate": "4.99",
                "specialFeatures": ["Trailers", "Deleted Scenes"],
                "language": {"languageId": "1"},
                "originalLanguage": {"languageId": "2"},
                "actors": {"nodes": [{"lastName": "NORD"}, {"lastName": "SUND"}]},
                "categories": {"nodes": [{"name": "Comedy", "films": {"totalCount": 1}}]},
            }
        },
    ),
    "two foreign keys to one table": (
        """{ languages(where: {languageId: {eq: 2}}) {
            nodes { films { nodes { title } } filmsByOriginalLanguage { nodes { title } } } } }""",
        {
            "languages": {
                "nodes": [
                    {
                        "films": {"nodes": [{"title": "COMET NOON"}]},
                        "filmsByOriginalLanguage": {"nodes": [{"title": "ALPHA DAWN"}]},
                    }
                ]
            }
        },
    ),
    "a partitioned table by its composite key": (
        """{ payment(paymentDate: "2025-06-02", paymentId: "2") { amount customer { email } }
            payments(where: {rental: {rentalDate: {lt: "2025-01-01T00:00:00Z"}}}) {
                nodes { paymentDate } } }""",
        {
            "payment": {"amount": "2.50", "customer": {"email": "jo@example.org"}},
            "payments": {"nodes": [{"paymentDate": "2024-06-02"}]},
        },
    ),
    "a view whose key was named": (
        """{ filmListRecord(fid: 2, category: "Drama") { title rating price } }""",
        {"filmListRecord": {"title": "BRAVO DUSK", "rating": "NC_17", "price": "4.99"}},
    ),
    "a materialised view by its unique index": (
        '{ rentalByCategory(category: "Drama") { rentals } }',
        {"rentalByCategory": {"rentals": "1"}},
    ),
    "one to one, there and back": (
        """{ allStaff { nodes { username picture
            storeByManagerStaff { managerStaff { email } } } } }""",
        {
            "allStaff": {
                "nodes": [
                    {
                        "username": "mia",
                        "picture": "AQI=",
                        "storeByManagerStaff": {"managerStaff": {"email": "nobody@example.org"}},
                    }
                ]
            }
        },
    ),
    "a table that refers to itself": (
        """{ employees(where: {reportsTo: {lastName: {eq: "Boss"}}}, orderBy: [{lastName: ASC}]) {
            nodes { lastName reportsToId reportsTo { employeesByReportsTo { totalCount } } } } }""",
        {
            "employees": {
                "nodes": [
                    {
                        "lastName": name,
                        "reportsToId": "1",
                        "reportsTo": {"employeesByReportsTo": {"totalCount": 2}},
                    }
                    for name in ("Foot", "Hand")
                ]
            }
        },
    ),
    "four levels across a schema": (
        """{ artist(artistId: 1) { albums(orderBy: [{title: ASC}]) { nodes { title
            tracks { nodes { name bytes genre { name } playlists { nodes { name } } } } } } } }""",
        {
            "artist": {
                "albums": {
                    "nodes": [
                        {
                            "title": "Setup",
                            "tracks": {
                                "nodes": [
                                    {
                                        "name": "Begin",
                                        "bytes": "5000000000",
                                        "genre": {"name": "Rock"},
                                        "playlists": {"nodes": [{"name": "Loud"}]},
                                    },
                                    {
                                        "name": "Commit",
                                        "bytes": None,
                                        "genre": None,
                                        "playlists": {"nodes": []},
                                    },
                                ]
                            },
                        },
                        {
                            "title": "Teardown",
                            "tracks": {
                                "nodes": [
                                    {
                                        "name": "Rollback",
                                        "bytes": "1",
                                        "genre": {"name": "Rock"},
                                        "playlists": {"nodes": [{"name": "Loud"}]},
                                    }
                                ]
                            },
                        },
                    ]
                }
            }
        },
    ),
    "tables of one name in two schemas": (
        "{ customers { nodes { firstName } } musicCustomers { nodes { supportRep { title } } } }",
        {
            "customers": {"nodes": [{"firstName": "Jo"}]},
            "musicCustomers": {"nodes": [{"supportRep": {"title": "Clerk"}}]},
        },
    ),
    "columns with names that are none": (
        """{ oddNames(where: {class: {eq: "c"}, cost1: {gte: 7}, itSQuoted: {like: "q%"}}) {
            nodes { id class andValue column date str list firstName firstName2 firstName3
                column2ndLine grosse column2 cost1 itSQuoted typename private mro aB } } }""",
        {
            "oddNames": {
                "nodes": [
                    {
                        "id": "1",
                        "class": "c",
                        "andValue": "a",
                        "column": "col",
                        "date": "2024-01-01",
                        "str": "s",
                        "list": ["l"],
                        "firstName": "f2",
                        "firstName2": "f1",
                        "firstName3": "f3",
                        "column2ndLine": "2",
                        "grosse": "1.5",
                        "column2": "n",
                        "cost1": 7,
                        "itSQuoted": "q",
                        "typename": "t",
                        "private": "p",
                        "mro": "m",
                        "aB": "ab",
                    }
                ]
            }
        },
    ),
    "enums, arrays, documents, times": (
        """{ people(where: {skills: {contains: [SQL]}, tags: {overlaps: ["x"]},
                profile: {contains: {level: 3}}, moods: {overlaps: [VERY_GOOD]},
                lunch: {gt: "11:00"}, shift: {eq: "PT8H"}}) {
            nodes { skills moods tags lunch shift profile notes } } }""",
        {
            "people": {
                "nodes": [
                    {
                        "skills": ["SQL", "PYTHON"],
                        "moods": ["VERY_GOOD"],
                        "tags": ["x", "y"],
                        "lunch": "12:00:00",
                        "shift": "PT8H",
                        "profile": {"level": 3},
                        "notes": {"n": [1]},
                    }
                ]
            }
        },
    ),
    "references to what is no key": (
        """{ people(orderBy: [{email: ASC}]) { nodes { mentor { email } badge { number }
            peopleByMentor { totalCount } followers { totalCount }
            ticketsByCreatedBy { totalCount } ticketsByAssignedTo { nodes { number } } } } }""",
        {
            "people": {
                "nodes": [
                    {
                        "mentor": None,
                        "badge": {"number": 7},
                        "peopleByMentor": {"totalCount": 1},
                        "followers": {"totalCount": 0},
                        "ticketsByCreatedBy": {"totalCount": 2},
                        "ticketsByAssignedTo": {"nodes": []},
                    },
                    {
                        "mentor": {"email": "a@example.org"},
                        "badge": None,
                        "peopleByMentor": {"totalCount": 0},
                        "followers": {"totalCount": 1},
                        "ticketsByCreatedBy": {"totalCount": 0},
                        "ticketsByAssignedTo": {"nodes": [{"number": 1}]},
                    },
                ]
            }
        },
    ),
    "a foreign key of two columns": (
        """{ ticketNote(tenant: 1, ticketNumber: 1, line: 2) {
                text ticket { title status assignedTo { email } } }
            tickets(where: {status: {in: [VALUE_5]}}) { nodes { title createdBy { email } } } }""",
        {
            "ticketNote": {
                "text": "It was mended.",
                "ticket": {
                    "title": "Broken",
                    "status": "VALUE_100_DONE",
                    "assignedTo": {"email": "b@example.org"},
                },
            },
            "tickets": {"nodes": [{"title": "Lost", "createdBy": {"email": "a@example.org"}}]},
        },
    ),
    "full text": (
        """{ films(search: "dawns") { nodes { title } }
            queryRecords(search: "anything") { totalCount } }""",
        {"films": {"nodes": [{"title": "ALPHA DAWN"}]}, "queryRecords": {"totalCount": 0}},
    ),
    "taken type names": (
        """{ nodeRecord(id: 2) { nodeIdValue parent { nodeIdValue children { totalCount } }
                connectionsByTo { nodes { from { id } to { id } } } }
            queryRecords { nodes { text } } }""",
        {
            "nodeRecord": {
                "nodeIdValue": "leaf",
                "parent": {"nodeIdValue": "root", "children": {"totalCount": 2}},
                "connectionsByTo": {"nodes": [{"from": {"id": "1"}, "to": {"id": "2"}}]},
            },
            "queryRecords": {"nodes": [{"text": "select"}]},
        },
    ),
    "inheritance, and a key by unique index": (
        """{ assets(orderBy: [{id: ASC}]) { nodes { name } } vehicles { nodes { name plate } }
            unkeyed(code: "u1") { said } }""",
        {
            "assets": {"nodes": [{"name": "Desk"}, {"name": "Van"}]},
            "vehicles": {"nodes": [{"name": "Van", "plate": "BT 1"}]},
            "unkeyed": {"said": "hello"},
        },
    ),
}


@pytest.fixture
async def ask(folder, shop_url):
    """Asks a gateway that serves the pulled package over its database."""
    environ = {
        "POSTGRES_URL": shop_url,
        "PLAIT_RESOLVERS": folder.name,
        "POSTGRES_POOL_SIZE": "2",
    }
    gateway = Gateway(load(environ=environ))
    async with contextlib.AsyncExitStack() as stack:
        await gateway.open()
        stack.push_async_callback(gateway.close)

        async def answer(document):
            given = await gateway.engine.answer(
                GraphQLRequest(document, None, None, None),
                ANONYMOUS,
                allow_mutations=False,
                deadline=asyncio.get_running_loop().time() + 30,
            )
            return orjson.loads(given.body)

        yield answer


async def test_every_question_is_answered(ask):
    """The gateway finds the live tables as the package says, and answers over all of them."""
    for about, (document, data) in QUESTIONS.items():
        assert await ask(document) == {"data": data}, about


async def test_a_key_is_a_global_id_too(ask):
    """A row of a view with a named key is found again by its `nodeId`."""
    body = await ask("{ filmListRecords(first: 1) { nodes { title nodeId } } }")
    (row,) = body["data"]["filmListRecords"]["nodes"]
    node_id = row["nodeId"]
    found = await ask(
        f'{{ node(nodeId: "{node_id}") {{ nodeId ... on FilmListRecord {{ title }} }} }}'
    )
    assert found["data"]["node"] == {"nodeId": row["nodeId"], "title": row["title"]}
