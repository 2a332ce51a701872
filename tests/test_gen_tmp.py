import json, os, time
from hypothesis import HealthCheck, Phase, given, settings, strategies as st, seed
import test_two_ways
from test_two_ways import both, questions, DRAWN, VIEWERS, agree
import pytest, logging
class H(logging.Handler):
    def emit(self, r):
        for e in getattr(r,'fields',{}).get('error',[]): print('  !!', e['type'], *e['frames'][-4:], sep='\n     ')
logging.getLogger('gateway').addHandler(H())
seen = []
N=int(os.environ.get("N","150"))
@given(questions(DRAWN), st.sampled_from(sorted(VIEWERS)))
@settings(max_examples=N, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate], database=None)
async def test_g(both, question, viewer):
    zoo, plain = both
    t=time.time()
    try:
        await agree(zoo, plain, question.document, question.variables, viewer)
    except BaseException as e:
        b=json.loads((await zoo.answer(question.document, question.variables, viewer=VIEWERS[viewer])).body); seen.append((len(question.document), question, viewer, str(e)[:700]+str(b.get('errors'))[:1500]))
        x=(await zoo.answer(question.document, question.variables, viewer=VIEWERS[viewer], extensions={'plait':{'explain':True}})).body.decode()
        seen[-1]=seen[-1]+(x,)
    finally:
        T.append(time.time()-t)
T=[]
def test_z():
    seen.sort(key=lambda x: x[0])
    print(len(T), "runs", sum(T), max(T), len(seen), "failures")
    for l,q,v,e,x in seen[:int(os.environ.get('SHOW','2'))]:
        print("=== ", v); print(q.document); print(q.variables); print(e); print('SQL', x)
