"""onnxruntime called in a loop: no server can run a model faster than its runtime does."""

from __future__ import annotations

from benchmarks.peer import CNN, MLP, InferenceLoop

MLP_LOOP = InferenceLoop("session.run", "onnxruntime alone in a loop, batches of 64, one core", MLP)
CNN_LOOP = InferenceLoop("session.run", "onnxruntime alone in a loop, batches of 64, one core", CNN)
