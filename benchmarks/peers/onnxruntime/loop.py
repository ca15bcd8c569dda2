"""onnxruntime alone, without a server: `loop.py MODEL BATCHES SECONDS` prints its rate and latencies as JSON.

BATCHES is an .npz file with `images` (batches, n, 28, 28) and `labels` (batches, n).
"""

import json
import sys
import time

import numpy as np
import onnxruntime

WARM_UP_SECONDS = 0.3


def main(model, batches_file, seconds):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    with np.load(batches_file) as file:
        batches, labels = list(file["images"]), file["labels"]
    digits = [session.run(["probabilities"], {"image": images})[0].argmax(axis=1) for images in batches]
    measure(session, batches, WARM_UP_SECONDS)
    times = measure(session, batches, seconds)
    p50, p90, p99 = (np.percentile(times, [50, 90, 99]) * 1000).tolist()
    print(
        json.dumps(
            {
                "accuracy": float((np.stack(digits) == labels).mean()),
                "requests": len(times),
                "seconds": float(np.sum(times)),
                "p50_ms": p50,
                "p90_ms": p90,
                "p99_ms": p99,
                "errors": {},
            }
        )
    )


def measure(session, batches, seconds):
    """Returns the duration of each call, in seconds."""
    times = []
    started = now = time.perf_counter()
    while now - started < seconds:
        session.run(["probabilities"], {"image": batches[len(times) % len(batches)]})
        last, now = now, time.perf_counter()
        times.append(now - last)
    return times


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
