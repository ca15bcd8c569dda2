"""Every server that is measured, this service first. A new one is a folder here and a line in `PEERS`."""

from __future__ import annotations

from benchmarks.peers import (
    bentoml,
    constant,
    kserve,
    litserve,
    mlserver,
    mosec,
    onnxruntime,
    ours,
    ray_serve,
    tutorial,
)

OURS = ours.PEER
MLP_LOOP = onnxruntime.MLP_LOOP
CNN_LOOP = onnxruntime.CNN_LOOP
PEERS = {  # by name, as `--peers` takes them
    peer.name: peer
    for peer in (
        ours.PEER,
        ours.WITHOUT_FAST_PATH,
        constant.PEER,
        tutorial.PEER,
        bentoml.PEER,
        litserve.PEER,
        mlserver.PEER,
        mosec.PEER,
        mosec.WITH_OPENCV,
        ray_serve.PEER,
        kserve.PEER,
    )
}
