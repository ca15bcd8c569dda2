"""onnxruntime called in a loop: no server can run the model faster than its own runtime does."""

from __future__ import annotations

from benchmarks.peer import CNN, MLP, Loop

MLP_LOOP = Loop("session.run", "onnxruntime alone in a loop, batches of 64, one core", MLP)
CNN_LOOP = Loop("session.run", "onnxruntime alone in a loop, batches of 64, one core", CNN)
