"""A PyTorchTrial on the CPU: by its own Trainer (python3 model_def.py) or as the entrypoint model_def:LineTrial."""
import logging
import sys

import determined as det
import torch
from determined import pytorch


class LineTrial(pytorch.PyTorchTrial):
    def __init__(self, context):
        self.context = context
        self.model = context.wrap_model(torch.nn.Linear(1, 1))
        self.optimizer = context.wrap_optimizer(torch.optim.SGD(self.model.parameters(), lr=0.05))

    def data(self):
        x = torch.linspace(-1, 1, 64).reshape(-1, 1)
        return torch.utils.data.TensorDataset(x, 2 * x + 1)

    def build_training_data_loader(self):
        return pytorch.DataLoader(self.data(), batch_size=8)

    def build_validation_data_loader(self):
        return pytorch.DataLoader(self.data(), batch_size=8)

    def train_batch(self, batch, epoch_idx, batch_idx):
        x, y = batch
        loss = torch.nn.functional.mse_loss(self.model(x), y)
        self.context.backward(loss)
        self.context.step_optimizer(self.optimizer)
        return {"loss": loss}

    def evaluate_batch(self, batch):
        x, y = batch
        return {"score": torch.nn.functional.mse_loss(self.model(x), y)}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format=det.LOG_FORMAT)
    info = det.get_cluster_info()
    with pytorch.init(hparams=info.trial.hparams) as context:
        trainer = pytorch.Trainer(LineTrial(context), context)
        trainer.fit(max_length=pytorch.Batch(40), checkpoint_period=pytorch.Batch(20), validation_period=pytorch.Batch(20), reporting_period=pytorch.Batch(10), latest_checkpoint=info.latest_checkpoint)
    print("fitted", flush=True)
    sys.exit(0)
