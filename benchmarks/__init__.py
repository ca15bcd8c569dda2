"""Load tests of the service and of other model servers on the same requests: `python -m benchmarks`, or `make bench`.

    payloads      what the requests carry: MNIST's test digits as PNG, as a drawn sheet, as tensors
    http          an HTTP request as bytes, and its response
    codecs        a payload as the body of each protocol; a response as the digits it names
    peer          Peer: one server and how to start it; peers/<name>/ holds one each, this service included
    environments  the virtual environment of each peer, under .cache/bench
    processes     a process and its descendants
    server        Server: one process tree, pinned to cores, suspended while another server is measured
    accuracy      no server is timed before it has read hundreds of digits right, 16 requests at a time
    wrk           the load generator, in C; cycle.lua tells it what to send
    scenario      which servers are compared on which request
    results       medians, spread and ratios; results.json
    progress      the progress bar
    measurement   rounds in which every server is measured once
    machine       the hardware, the commit and the versions that were measured
    table, chart  the results as Markdown and as a PNG

A module imports only modules above it.
"""
