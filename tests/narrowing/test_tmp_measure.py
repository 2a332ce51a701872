import asyncio, time
import pytest
from gallery import opened, vector_of
from gateway.execution.narrowing_tactics import Tactics, Way
async def test_measure(module_database, qdrant_endpoint):
    async with opened(module_database, qdrant_endpoint, count=20000) as g:
        lag=[0.0]
        async def probe():
            while True:
                a=time.perf_counter(); await asyncio.sleep(0.001); lag[0]=max(lag[0],time.perf_counter()-a-0.001)
        task=asyncio.create_task(probe())
        q="query($v:[Float!],$w:PaintingWhere){searchPaintings(vector:$v,where:$w,limit:10){id painting{title}}}"
        async def t(name, where, tactics, n=8):
            g.engine.tactics=tactics
            best=[]
            lag[0]=0
            for i in range(n):
                v=vector_of(i)
                a=time.perf_counter()
                body=await g.ask(q,{"v":v,"w":where},extensions={"plait":{"trace":True}})
                best.append(time.perf_counter()-a)
            best.sort()
            print(f"{name:30} {best[0]*1e3:7.2f} {best[len(best)//2]*1e3:7.2f} lag {lag[0]*1e3:6.2f}", body.get("extensions"), len(body["data"]["searchPaintings"]))
        for m in (100,1000,3000,6000,9900,19000):
            w={"id":{"lt":str(m)}}
            await t(f"rows {m}",w,Tactics(forced=Way.ROWS_FIRST))
            await t(f"vectors {m}",w,Tactics(forced=Way.VECTORS_FIRST))
            await t(f"est {m}",w,Tactics())
        g.engine.tactics=Tactics()
        # estimate cost
        m=g.engine
        import asyncpg
        c=await asyncpg.connect(g.url)
        w="select id from paintings t where (owner is null or owner = 'x') and exists (select 1 from artists a where a.id=t.artist_id and a.country=$1) and year > $2"
        for name,sql in (("explain","explain (format json) "+w),("capped count",f"select count(*) from (select 1 from ({w}) x limit 10001) y"),("keys",f"select json_agg(id) from (select id from ({w}) x order by id limit 10000) y")):
            st=await c.prepare(sql)
            ts=[]
            for i in range(30):
                a=time.perf_counter(); await st.fetch("IT",1500+i%3); ts.append(time.perf_counter()-a)
            print(name, sorted(ts)[0]*1e3, sorted(ts)[15]*1e3)
        for n in (128,1024,8192):
            st=await c.prepare(f"select json_agg(id) from ({w}) x where id = any($3)")
            ts=[]
            import random
            ks=random.sample(range(20000),n)
            for i in range(10):
                a=time.perf_counter(); await st.fetch("IT",1500,ks); ts.append(time.perf_counter()-a)
            print("check",n,sorted(ts)[0]*1e3)
        await c.close()
        task.cancel()
