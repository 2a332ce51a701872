import json
import pytest
from reference import PlainApi
from toy.running import running, KEEPER, LIMITS
from toy.store import Store
from toy.domain import domain
from toy import rows
from gateway.viewer import ANONYMOUS
import orjson
@pytest.fixture(scope="module")
async def zoo(module_database, redis_url):
    async with running(module_database, redis_url) as z:
        yield z
async def test_y(zoo):
    plain = PlainApi(domain, rows.VISITS, LIMITS.default)
    plain.store = await Store.load(zoo.connection, plain.catalog)
    for q in ["{animals{nodes{id name weight seen visits}}}","{specimens{nodes{id ratio moment local day span exact ratios moments blobs grades words note}}}","{animals{__typename}}","{animals{totalCount}}","{animal(id:1){children{totalCount __typename}}}", "{animal(id:1){x1:name x2:id t1: name nodeId}}", "{oddities{nodes{x1 t1 select its percent}}}","{animal(id:1){sign mates{name visits} twin{id children{nodes{name}}} keepers{nodes{name}} likes{nodes{id}} secretName}}","{report{title best{name} runnersUp{name visits} groups{name visits}}}", "{specimens{nodes{same{moment hour exact span raw big grades ref doc} moment hour exact span}}}","{keepers(orderBy:[{name:DESC}]){edges{cursor node{id uid}} pageInfo{endCursor}}}"]:
        a = await zoo.answer(q); p = await plain.answer(q, {}, ANONYMOUS)
        b = json.loads(a.body)
        print(q, b["data"] == json.loads(p.data))
        if b["data"] != json.loads(p.data): print(a.body.decode()[:1500]); print(p.data.decode()[:1500])
        print([(e["extensions"]["code"],e.get("path")) for e in b.get("errors",())], p.errors)
