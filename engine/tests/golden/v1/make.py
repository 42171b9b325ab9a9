"""Made the folder `data` beside this file; README.md tells how. Arguments: the binary of that release, a new folder."""

import shutil
import signal
import subprocess
import sys
import time

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from cortexkg.v1 import memory_pb2 as m, memory_pb2_grpc as g
BINARY, D = sys.argv[1:]
shutil.rmtree(D, ignore_errors=True)
def start():
    p=subprocess.Popen([BINARY,'--data',D,'--device','cpu','--threads','1','serve','--grpc','127.0.0.1:50991','--http','127.0.0.1:8991','--metrics','127.0.0.1:9991'],stdout=subprocess.DEVNULL)
    ch=grpc.insecure_channel('127.0.0.1:50991')
    grpc.channel_ready_future(ch).result(60)
    return p,g.MemoryStub(ch)
def at(s):
    t=Timestamp(); t.FromJsonString(s); return t
p,c=start()
def store(content,**k):
    if 'occurred' in k: k['occurred_at']=at(k.pop('occurred'))
    if 'place' in k: k['place']=m.Place(**k['place'])
    r=c.Store(m.StoreRequest(content=content,**k)); return r.memory_id
P,T=m.KIND_PASSAGE,m.KIND_TURN
z=store("Zorvan Telk\nZorvan Telk is a glass blower who was born in Brimholt.",tags=["people","craft"],source="almanac",confidence=0.9,importance=0.7)
b=store("Brimholt\nBrimholt is a harbour town on the river Oss, known for its salt market.",tags=["places"],place=dict(sequence="gazetteer",part=0,parts=3))
v=store("Veldt\nVeldt is a village of weavers an hour north of Brimholt.",tags=["places"],place=dict(sequence="gazetteer",part=1,parts=3))
o=store("River Oss\nThe River Oss freezes in hard winters and floods in March.",tags=["places","water"],place=dict(sequence="gazetteer",part=2,parts=3))
turns=[("Ana Reyes","I finally moved to Quillmere last week, the flat looks over the canal."),
("Oda Lind","Lovely! Are you still working as a nurse at Salt House?"),
("Ana Reyes","No, I start at the clinic in Brimholt in June."),
("Oda Lind","Then we should meet for lunch near the salt market."),
("Ana Reyes","Yes, on Fridays I am free after noon.")]
tid=[]
for i,(who,t) in enumerate(turns):
    tid.append(store(f"[2026-05-0{i+1}] {who}: {t}",kind=T,place=dict(sequence="chat#1",part=i),occurred=f"2026-05-0{i+1}T09:30:00.25Z",tags=["chat"]))
k1=store("The spare key of the boathouse hangs behind the blue door.",idempotency_key="key-1",context="Told by Oda Lind while packing for the ferry.")
k2=store("The spare key of the boathouse hangs behind the blue door.",idempotency_key="key-1")
assert k1==k2
a1=store("Ana Reyes lives in Paris and works as a nurse.",occurred="2019-03-01T00:00:00Z",context="From her old profile.")
a2=store("Ana Reyes  lives in Paris, and works as a nurse",tags=["repeat"])
a3=store("Ana Reyes lives in Rome and works as a nurse.",occurred="2021-07-15T12:00:00Z",importance=0.0,confidence=0.0)
many=["Photosynthesis turns light into sugar.","The kestrel nests above the mill in Veldt.","Quarterly numbers are due on Friday.","Le café de Zürich ferme à minuit; naïve façade, crème brûlée.",
"東京の会議は金曜日の午後三時に始まる。","Kestrel\nKestrel is the name of the ferry between Brimholt and Quillmere.","The ferry Kestrel was painted red and sold in 2024.",
"Storms from the west come in October.","Marta Quell repairs clocks on Bridge Street.","The letter of 1893 mentions Zorvan Telk's grandfather.","Bread rises twice before it is baked.","The museum keeps a model of the old bridge 🌉."]
ids=[store(t,tags=["misc"]) for t in many]
l=" ".join(f"On day {n} the caravan reached well number {n} and rested before the next stretch of sand." for n in range(1,26))
long=store("The long road\n"+l,tags=["long"])
c.ConfigureLearning(m.ConfigureLearningRequest(learning_rate=0.2,activation_threshold=0.1,learning_mode=m.LEARNING_MODE_HOMEOSTATIC))
for q in ["On which river lies the town where Zorvan Telk was born?","Where does Ana Reyes work now?","Which ferry goes to Quillmere?"]:
    c.Retrieve(m.RetrieveRequest(query=q,threshold=0.0))
c.Update(m.UpdateRequest(memory_id=ids[2],new_content="Quarterly numbers are due on Monday.",add_tags=["work"],remove_tags=["misc"],new_importance=0.9))
c.Update(m.UpdateRequest(memory_id=k1,new_context="Told by Marta Quell.",new_confidence=0.4))
c.Delete(m.DeleteRequest(memory_id=ids[10],cleanup_mode=m.CLEANUP_MODE_MINIMAL))
c.Delete(m.DeleteRequest(memory_id=ids[7],cleanup_mode=m.CLEANUP_MODE_STANDARD))
c.Delete(m.DeleteRequest(memory_id=tid[3],force_delete=True,cleanup_mode=m.CLEANUP_MODE_AGGRESSIVE))
time.sleep(1)
p.send_signal(signal.SIGTERM); p.wait()   # leaves the snapshot
p,c=start()
# what follows stands in the log alone
n1=store("Brimholt elects a new mayor in autumn.",tags=["places"],occurred="2026-09-20T08:00:00Z")
n2=store("[2026-06-01] Ana Reyes: The clinic in Brimholt is smaller than I thought.",kind=T,place=dict(sequence="chat#1",part=5),occurred="2026-06-01T10:00:00Z",tags=["chat"])
n3=store("The spare key of the boathouse hangs behind the blue door.")
c.Update(m.UpdateRequest(memory_id=v,new_content="Veldt\nVeldt is a village of weavers and dyers an hour north of Brimholt.",new_context="Corrected in the second edition."))
c.Update(m.UpdateRequest(memory_id=ids[1],new_content="The kestrel left the mill in Veldt.",plasticity_mode=m.PLASTICITY_MODE_AGGRESSIVE))
c.Delete(m.DeleteRequest(memory_id=ids[0]))
for q in ["On which river lies the town where Zorvan Telk was born?","Who lives in Quillmere?"]:
    c.Retrieve(m.RetrieveRequest(query=q,threshold=0.0))
c.ConfigureLearning(m.ConfigureLearningRequest(learning_rate=0.05))
n4=store("Salt House closed its wards in 2025.",context="Heard at lunch.",source="Oda Lind",tags=["work","places"])
time.sleep(1.5)
print(c.Stats(m.StatsRequest(detailed_breakdown=True)))
p.kill(); p.wait()
