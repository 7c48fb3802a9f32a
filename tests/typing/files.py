"""Saving and loading: modules, optimisers, schedules, nested dicts, and other libraries' weights."""

from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import interop, nn, optim

layer = nn.LSTM(3, 5)
optimizer = optim.Adam(layer.parameters())
schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
tg.save(layer, "weights.safetensors")
tg.save({"model": layer, "optimizer": optimizer, "schedule": schedule, "steps": [1, np.ones(2)]}, "all.npz")
weights: dict[str, Any] = tg.load("all.npz")
layer.load_state_dict(weights["model"])
optimizer.load_state_dict(weights["optimizer"])
schedule.load_state_dict(weights["schedule"])
missing, unexpected = layer.load_state_dict(tg.load("weights.safetensors"), strict=False)
theirs: dict[str, np.ndarray] = interop.torch.state_dict(layer)
interop.torch.load_state_dict(layer, theirs)
interop.keras.set_weights(layer, interop.keras.get_weights(layer))
try:
    tg.load("weights.txt")
except tg.errors.WeightsError as error:
    print(error, missing, unexpected, len(theirs))
