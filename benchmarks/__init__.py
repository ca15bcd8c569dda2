"""How fast the service is, beside what others use for the same work: `python -m benchmarks`, or `make bench`.

    digits     the questions: MNIST's test digits as PNG, as a drawn sheet, as tensors
    http       a question as the bytes of a request, and the ways to pack it
    peer       Peer: one server to compare with; peers/<name>/ holds each, ours among them
    install    the virtual environment of each peer, under .cache/bench
    processes  a process and all that came of it
    server     Server: one process tree, pinned to cores, frozen while another is measured
    check      no timing before hundreds of digits were read right, sent 16 at a time
    wrk        the load generator, in C; cycle.lua tells it what to send
    scenario   what is compared with what
    results    medians, spread and ratios; results.json
    progress   how far it is
    measure    rounds in which every server takes its turn
    machine    where it was measured, with which versions
    table, picture   how the results are shown

Each imports those above it alone.
"""
