"""Started by torchrun on every node: a small model, trained by DDP over gloo. Rank 0 saves it."""
import hashlib
import json
import os

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

env = os.environ
params = json.loads(env["DROVER_HPARAMS"])
steps = int(params.get("steps", 40))
every = int(params.get("every", 20))
torch.set_num_threads(1)
dist.init_process_group("gloo")
rank, world = dist.get_rank(), dist.get_world_size()

torch.manual_seed(int(env["DROVER_SEED"]) + rank)
model = DistributedDataParallel(torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
truth = torch.linspace(-1, 1, 8).reshape(8, 1)
step = 0
if "DROVER_RESTORE_DIR" in env:
    state = torch.load(os.path.join(env["DROVER_RESTORE_DIR"], "model.pt"))
    step = state["step"]
    model.module.load_state_dict(state["model"])


def save():
    draft = os.path.join(env["DROVER_CHECKPOINT_DIR"], "draft")
    os.mkdir(draft)
    torch.save({"step": step, "model": model.module.state_dict()}, os.path.join(draft, "model.pt"))
    os.rename(draft, os.path.join(env["DROVER_CHECKPOINT_DIR"], "step-%d" % step))


while step < steps:
    inputs = torch.randn(32, 8)
    loss = ((model(inputs) - inputs @ truth) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    step += 1
    mean = loss.detach().clone()
    dist.all_reduce(mean)
    if rank == 0:
        with open(env["DROVER_METRICS_FILE"], "a") as file:
            file.write(json.dumps({"steps": step, "group": "training", "values": {"loss": mean.item() / world}, "progress": step / steps}) + "\n")
        if step % every == 0:
            save()

weights = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
print("rank %d of %d has weights %s" % (rank, world, hashlib.sha256(weights.numpy().tobytes()).hexdigest()), flush=True)
