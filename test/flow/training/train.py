"""A training run without any package: its weights are a chain of hashes, so one wrong step changes every later bit."""
import hashlib
import json
import os
import sys
import time

env = os.environ
params = json.loads(env["DROVER_HPARAMS"])
steps = int(params.get("steps", 20))
pause = float(params.get("pause", 0.1))
every = int(params.get("every", 5))
size = int(params.get("size", 1000))
checkpoints = env["DROVER_CHECKPOINT_DIR"]

step, weights = 0, b"seed %d" % int(params.get("seed", 7))
restored = env.get("DROVER_RESTORE_DIR")
if restored:
    with open(os.path.join(restored, "state.json")) as file:
        step = json.load(file)["step"]
    with open(os.path.join(restored, "weights.bin"), "rb") as file:
        weights = file.read()
    print("resumed at step %d" % step, flush=True)


def report(group, values):
    with open(env["DROVER_METRICS_FILE"], "a") as file:
        file.write(json.dumps({"steps": step, "group": group, "values": values, "progress": step / steps}) + "\n")


def save():
    draft = os.path.join(checkpoints, "draft-%d" % step)
    os.makedirs(os.path.join(draft, "nested"), exist_ok=True)
    with open(os.path.join(draft, "weights.bin"), "wb") as file:
        file.write(weights)
    with open(os.path.join(draft, "state.json"), "w") as file:
        json.dump({"step": step}, file)
    with open(os.path.join(draft, "nested", "note.txt"), "w") as file:
        file.write("step %d\n" % step)
    with open(os.path.join(draft, "metadata.json"), "w") as file:
        json.dump({"framework": "hash-chain"}, file)
    os.rename(draft, os.path.join(checkpoints, "step-%d" % step))


while step < steps:
    blocks, chunk = [], weights[-32:]
    while len(blocks) * 32 < size:
        chunk = hashlib.sha256(chunk + b"%d" % step).digest()
        blocks.append(chunk)
    weights = hashlib.sha256(weights).digest() + b"".join(blocks)[:size]
    step += 1
    print("line %d of attempt %s" % (step, env["DROVER_ALLOCATION_ID"]), flush=True)
    report("training", {"loss": 1.0 / step})
    if step % every == 0 or step == steps:
        report("validation", {"validation_loss": 1.0 / step})
        save()
    if os.path.exists(env["DROVER_PREEMPT_FILE"]) and step < steps:
        if step % every != 0:
            save()
        print("preempted at step %d" % step, flush=True)
        sys.exit(75)
    time.sleep(pause)

print("weights %s" % hashlib.sha256(weights).hexdigest(), flush=True)
sys.exit(int(params.get("exit", 0)))
