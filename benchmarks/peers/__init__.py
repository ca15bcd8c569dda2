"""Every server that is measured, ours first. A new one is a folder and a line here."""

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
MLP_LOOP, CNN_LOOP = onnxruntime.MLP_LOOP, onnxruntime.CNN_LOOP
PEERS = {
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
