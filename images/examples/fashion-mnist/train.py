"""Trains a two-layer network on Fashion-MNIST with nothing but numpy; needs no SDK.

What Drover gives is all in the environment (see README.md beside this file): where to put checkpoints and metrics,
what to resume from, when to save and stop. Killed at any moment, it goes on from its newest checkpoint and ends with
the same weights, bit for bit.
"""
import gzip
import json
import os
import sys
import time

import numpy as np

DATA = "/usr/share/datasets/fashion-mnist"
ENV = os.environ
HPARAMS = json.loads(ENV.get("DROVER_HPARAMS", "{}"))
CHECKPOINTS = ENV.get("DROVER_CHECKPOINT_DIR", "checkpoints")
METRICS = ENV.get("DROVER_METRICS_FILE", "metrics.jsonl")
PREEMPT = ENV.get("DROVER_PREEMPT_FILE", "preempt")
EPOCHS = int(HPARAMS.get("epochs", 12))
BATCH = int(HPARAMS.get("batch_size", 64))


def load(kind):
    with gzip.open(find("%s-images-idx3-ubyte.gz" % kind)) as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784).astype(np.float32) / 255.0
    with gzip.open(find("%s-labels-idx1-ubyte.gz" % kind)) as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8).astype(np.int64)
    return images, labels


def find(name):
    for folder, _, files in os.walk("/usr/share"):
        if name in files and "fashion" in folder:
            return os.path.join(folder, name)
    raise SystemExit("%s is not in this image: install Debian's dataset-fashion-mnist" % name)


def report(steps, group, values, progress):
    with open(METRICS, "a") as file:
        file.write(json.dumps({"steps": steps, "group": group, "values": values, "progress": progress}) + "\n")


def start_state():
    rng = np.random.default_rng(int(ENV.get("DROVER_SEED", "0")))
    hidden = int(HPARAMS.get("hidden", 128))
    weights = [
        rng.standard_normal((784, hidden)).astype(np.float32) * np.float32(np.sqrt(2 / 784)),
        np.zeros(hidden, np.float32),
        rng.standard_normal((hidden, 10)).astype(np.float32) * np.float32(np.sqrt(2 / hidden)),
        np.zeros(10, np.float32),
    ]
    return {"weights": weights, "speed": [np.zeros_like(w) for w in weights], "epoch": 0, "steps": 0, "rng": rng}


def restore(folder):
    with np.load(os.path.join(folder, "state.npz")) as data:
        weights = [data["w%d" % i] for i in range(4)]
        speed = [data["v%d" % i] for i in range(4)]
    with open(os.path.join(folder, "progress.json")) as file:
        progress = json.load(file)
    rng = np.random.default_rng()
    rng.bit_generator.state = progress["rng"]
    return {"weights": weights, "speed": speed, "epoch": progress["epoch"], "steps": progress["steps"], "rng": rng}


def save(state, metrics):
    """Writes into a draft directory and renames it to step-<n>: from that moment the checkpoint is Drover's."""
    draft = os.path.join(CHECKPOINTS, "draft")
    os.makedirs(draft, exist_ok=True)
    arrays = {"w%d" % i: w for i, w in enumerate(state["weights"])}
    arrays.update({"v%d" % i: v for i, v in enumerate(state["speed"])})
    np.savez(os.path.join(draft, "state.npz"), **arrays)
    with open(os.path.join(draft, "progress.json"), "w") as file:
        json.dump({"epoch": state["epoch"], "steps": state["steps"], "rng": state["rng"].bit_generator.state}, file)
    with open(os.path.join(draft, "metadata.json"), "w") as file:
        json.dump({"framework": "numpy", "epoch": state["epoch"], **metrics}, file)
    os.rename(draft, os.path.join(CHECKPOINTS, "step-%d" % state["steps"]))


def forward(weights, x):
    hidden = np.maximum(x @ weights[0] + weights[1], 0)
    logits = hidden @ weights[2] + weights[3]
    logits -= logits.max(axis=1, keepdims=True)
    exp = np.exp(logits)
    return hidden, exp / exp.sum(axis=1, keepdims=True)


def train_step(state, x, y, rate, momentum):
    w = state["weights"]
    hidden, prob = forward(w, x)
    loss = float(-np.log(prob[np.arange(len(y)), y] + 1e-9).mean())
    prob[np.arange(len(y)), y] -= 1
    prob /= len(y)
    back = (prob @ w[2].T) * (hidden > 0)
    for i, grad in enumerate([x.T @ back, back.sum(0), hidden.T @ prob, prob.sum(0)]):
        state["speed"][i] = momentum * state["speed"][i] - rate * grad
        w[i] += state["speed"][i]
    return loss


def validate(weights, x, y):
    _, prob = forward(weights, x)
    loss = float(-np.log(prob[np.arange(len(y)), y] + 1e-9).mean())
    return {"validation_loss": loss, "validation_accuracy": float((prob.argmax(1) == y).mean())}


def main():
    train_x, train_y = load("train")
    test_x, test_y = load("t10k")
    folder = ENV.get("DROVER_RESTORE_DIR")
    state = restore(folder) if folder else start_state()
    print("%s at epoch %d of %d, %d training pictures" % ("resuming" if folder else "starting", state["epoch"], EPOCHS, len(train_x)), flush=True)
    rate = np.float32(HPARAMS.get("learning_rate", 0.1))
    momentum = np.float32(HPARAMS.get("momentum", 0.9))
    per_epoch = len(train_x) // BATCH
    while state["epoch"] < EPOCHS:
        began = time.time()
        order = state["rng"].permutation(len(train_x))
        losses = []
        for batch in range(per_epoch):
            pick = order[batch * BATCH:(batch + 1) * BATCH]
            losses.append(train_step(state, train_x[pick], train_y[pick], rate * np.float32(0.9) ** state["epoch"], momentum))
            state["steps"] += 1
            if state["steps"] % 100 == 0:
                report(state["steps"], "training", {"loss": float(np.mean(losses[-100:]))}, state["steps"] / (per_epoch * EPOCHS))
        state["epoch"] += 1
        metrics = validate(state["weights"], test_x, test_y)
        report(state["steps"], "validation", metrics, state["epoch"] / EPOCHS)
        save(state, metrics)
        print("epoch %d: loss %.4f, validation loss %.4f, accuracy %.4f, %.1f s" % (state["epoch"], float(np.mean(losses)), metrics["validation_loss"], metrics["validation_accuracy"], time.time() - began), flush=True)
        if os.path.exists(PREEMPT) and state["epoch"] < EPOCHS:
            print("asked to stop: saved, will go on later", flush=True)
            sys.exit(75)
    print("done", flush=True)


main()
