"""The model alone, in a loop, without any server: MODEL QUESTIONS SECONDS; prints what came of it as JSON.

QUESTIONS is an .npz file with `images` (batches, n, 28, 28) and their `labels` (batches, n).
"""

import json
import sys
import time

import numpy as np
import onnxruntime

WARM_UP = 0.3  # seconds


def main(model, questions, seconds):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    with np.load(questions) as file:
        batches, labels = list(file["images"]), file["labels"]
    read = [session.run(["probabilities"], {"image": each})[0].argmax(axis=1) for each in batches]
    loop(session, batches, WARM_UP)
    times = loop(session, batches, seconds)
    p50, p90, p99 = (float(each) for each in np.percentile(times, [50, 90, 99]) * 1000)
    print(
        json.dumps(
            {
                "accuracy": float((np.stack(read) == labels).mean()),
                "requests": len(times),
                "seconds": float(np.sum(times)),
                "p50_ms": p50,
                "p90_ms": p90,
                "p99_ms": p99,
                "errors": {},
            }
        )
    )


def loop(session, batches, seconds):
    times = []
    started = now = time.perf_counter()
    while now - started < seconds:
        session.run(["probabilities"], {"image": batches[len(times) % len(batches)]})
        last, now = now, time.perf_counter()
        times.append(now - last)
    return times


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
