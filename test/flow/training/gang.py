"""
A gang without any package. Its ranks speak over plain TCP: rank 0 listens, the others connect. At first they sum
random numbers; then every step of every rank goes into the weights, a chain of hashes that is equal on all of them.
"""
import hashlib
import json
import os
import random
import socket
import struct
import sys
import time

env = os.environ
params = json.loads(env["DROVER_HPARAMS"])
steps = int(params.get("steps", 0))
pause = float(params.get("pause", 0.1))
every = int(params.get("every", 5))
rank, world = int(env["DROVER_RANK"]), int(env["DROVER_WORLD_SIZE"])
place = (env["DROVER_MASTER_ADDR"], int(env["DROVER_MASTER_PORT"]))
checkpoints = env["DROVER_CHECKPOINT_DIR"]
SAME = {"RANK": "DROVER_RANK", "WORLD_SIZE": "DROVER_WORLD_SIZE", "MASTER_ADDR": "DROVER_MASTER_ADDR", "MASTER_PORT": "DROVER_MASTER_PORT"}


def say(text):
    print(text, flush=True)


def send(peer, data):
    peer.sendall(struct.pack("!I", len(data)) + data)


def receive(peer):
    def exactly(size):
        data = b""
        while len(data) < size:
            more = peer.recv(size - len(data))
            if not more:
                if env["DROVER_ALLOCATION_ID"].endswith(".%s" % params.get("deaf_attempt")):
                    time.sleep(600)
                raise ConnectionError("the other end is gone")
            data += more
        return data

    return exactly(struct.unpack("!I", exactly(4))[0])


def meet():
    """Rank 0's connections in order of rank; of another the one to rank 0."""
    if rank == 0:
        listener = socket.create_server(place)
        met = {}
        while len(met) < world - 1:
            peer, _ = listener.accept()
            met[struct.unpack("!I", receive(peer))[0]] = peer
        return [met[other] for other in range(1, world)]
    end = time.time() + 60
    while True:
        try:
            peer = socket.create_connection(place, 5)
            peer.settimeout(None)
            send(peer, struct.pack("!I", rank))
            return [peer]
        except OSError:
            if time.time() > end:
                raise
            time.sleep(0.05)


peers = meet()


def gather(mine, answer):
    """What all say, in order of rank, becomes what `answer` makes of it at rank 0."""
    if rank == 0:
        said = answer([mine] + [receive(peer) for peer in peers])
        for peer in peers:
            send(peer, said)
        return said
    send(peers[0], mine)
    return receive(peers[0])


for name in SAME:
    assert env[name] == env[SAME[name]], name
own = [info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)]
assert json.loads(env["DROVER_PEERS"])[rank] in own, (env["DROVER_PEERS"], own)
say("rank %d of %d, slots %s, peers %s, meets at %s:%d" % (rank, world, env["DROVER_SLOTS"], env["DROVER_PEERS"], place[0], place[1]))
number = random.SystemRandom().randrange(1 << 40)
total = gather(b"%d" % number, lambda all: b"%d" % sum(map(int, all)))
say("rank %d gave %d of sum %d" % (rank, number, int(total)))

step, weights = 0, b"gang of %d" % world
restored = env.get("DROVER_RESTORE_DIR")
if restored:
    with open(os.path.join(restored, "state.json")) as file:
        step = json.load(file)["step"]
    with open(os.path.join(restored, "weights.bin"), "rb") as file:
        weights = file.read()
    say("rank %d resumed at step %d" % (rank, step))


def save():
    draft = os.path.join(checkpoints, "draft-%d" % step)
    os.makedirs(draft, exist_ok=True)
    with open(os.path.join(draft, "weights.bin"), "wb") as file:
        file.write(weights)
    with open(os.path.join(draft, "state.json"), "w") as file:
        json.dump({"step": step}, file)
    os.rename(draft, os.path.join(checkpoints, "step-%d" % step))


def answer(all):
    """Rank 0 alone looks at the request to stop, so that all stop after the same step."""
    stop = os.path.exists(env["DROVER_PREEMPT_FILE"])
    return (b"stop" if stop else b"more") + hashlib.sha256(b"".join(all)).digest()


while step < steps:
    if step + 1 == params.get("fail_step") and rank == params.get("fail_rank"):
        say("rank %d gives up at step %d" % (rank, step + 1))
        sys.exit(int(params["fail_code"]))
    said = gather(hashlib.sha256(weights + b"%d of rank %d" % (step, rank)).digest(), answer)
    weights = hashlib.sha256(weights + said[4:]).digest()
    step += 1
    if rank == 0:
        with open(env["DROVER_METRICS_FILE"], "a") as file:
            file.write(json.dumps({"steps": step, "group": "training", "values": {"loss": 1.0 / step}, "progress": step / steps}) + "\n")
        if step % every == 0 or step == steps or said[:4] == b"stop":
            save()
    if said[:4] == b"stop" and step < steps:
        say("rank %d preempted at step %d" % (rank, step))
        sys.exit(75)
    time.sleep(pause)

say("rank %d has weights %s" % (rank, weights.hex()))
