"""Core API, as its tutorials use it: metrics, checkpoints, preemption, hyperparameters. A sum stands for the weights."""
import hashlib
import json
import logging
import os
import pathlib
import time

import determined as det

logging.basicConfig(level=logging.INFO, format=det.LOG_FORMAT)


def step_of(state, seed):
    return hashlib.sha256(f"{state}:{seed}".encode()).hexdigest()


def main(core, info):
    hparams = info.trial.hparams
    steps, pause, every = hparams["steps"], hparams.get("pause", 0), hparams.get("every", 10)
    state, done = "begin", 0
    if info.latest_checkpoint is not None:
        with core.checkpoint.restore_path(info.latest_checkpoint) as path:
            saved = json.loads((path / "sub" / "state.json").read_text())
        state, done = saved["state"], saved["done"]
        print(f"resumed at {done} of {info.latest_checkpoint}", flush=True)
    core.train.set_status("training")
    while done < steps:
        state, done = step_of(state, info.trial.trial_seed), done + 1
        time.sleep(pause)
        if done % every == 0 or done == steps:
            core.train.report_training_metrics(done, {"loss": 1 / done, "odd": float("nan"), "far": float("inf")}, [{"loss": 0.5}, {"loss": 0.25}])
            core.train.report_validation_metrics(done, {"score": done})
            core.train.report_metrics("mine", done, {"x": done * 2})
            core.train.report_progress(done / steps)
            with core.checkpoint.store_path({"steps_completed": done, "note": "mine"}) as (path, uuid):
                (path / "sub").mkdir()
                (path / "sub" / "state.json").write_text(json.dumps({"state": state, "done": done}))
            assert core.checkpoint.get_metadata(uuid)["note"] == "mine"
            print(f"saved {uuid} at {done}", flush=True)
            if core.preempt.should_preempt():
                print(f"preempted at {done}", flush=True)
                return
    core.train.set_metadata({"final": state})
    assert core.train.get_metadata() == {"final": state}
    directory = pathlib.Path("/tmp/up")
    directory.mkdir()
    (directory / "weights.bin").write_bytes(os.urandom(1000))
    uuid = core.checkpoint.upload(directory, {"steps_completed": done + 1})
    core.checkpoint.download(uuid, "/tmp/down")
    assert pathlib.Path("/tmp/down/weights.bin").read_bytes() == (directory / "weights.bin").read_bytes()
    core.alert(title="done", description="all steps")
    print(f"state {state} after {done}, best {core.train.get_experiment_best_validation()}", flush=True)


with det.core.init() as core_context:
    main(core_context, det.get_cluster_info())
