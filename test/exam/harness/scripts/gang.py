"""Two nodes by determined.launch.torch_distributed: gloo, a sharded checkpoint, its union on every node."""
import logging
import pathlib

import determined as det
import torch
import torch.distributed as dist

logging.basicConfig(level=logging.INFO, format=det.LOG_FORMAT)
dist.init_process_group("gloo")
distributed = det.core.DistributedContext.from_torch_distributed()
with det.core.init(distributed=distributed) as core:
    info = det.get_cluster_info()
    rank, size = distributed.rank, distributed.size
    total = torch.tensor([float(rank + 1)])
    dist.all_reduce(total)
    print(f"rank {rank} of {size} on node {info.container_rank} has sum {total.item()}", flush=True)
    if info.latest_checkpoint is None:
        with core.checkpoint.store_path({"steps_completed": 1, f"of{rank}": rank}, shard=True) as (path, uuid):
            (path / f"shard-{rank}.bin").write_bytes(bytes([rank]) * 100_000)
            if info.trial.hparams.get("clash"):
                (path / "same.txt").write_text("other" * rank)
            else:
                (path / "same.txt").write_text("same")
        directory = pathlib.Path(f"/tmp/up{rank}")
        directory.mkdir()
        (directory / f"up-{rank}").write_text(str(rank))
        core.checkpoint.upload(directory, {"steps_completed": 2}, shard=True)
        if rank == 0:
            core.train.report_validation_metrics(1, {"score": 1})
            with core.checkpoint.store_path({"steps_completed": 3}) as (path, uuid):
                (path / "chief").write_text("alone")
                for other in range(size):
                    (path / f"part-{other}").write_text(str(other))
        if info.trial.hparams.get("again"):
            while not core.preempt.should_preempt():
                pass
    else:
        with core.checkpoint.restore_path(info.latest_checkpoint) as path:
            names = sorted(str(one.relative_to(path)) for one in path.rglob("*") if one.is_file())
        print(f"rank {rank} restored {names}", flush=True)
