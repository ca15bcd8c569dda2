"""The service: reads handwritten digits over HTTP. It never imports `training`."""

import os

__version__ = "0.1.0"

# onnxruntime's wheels carry a telemetry client that starts when they are imported, writes a session file and reports to
# its maker. This service reports to nobody. `disable_telemetry_events()` comes too late: the file is written by then.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# NumPy's BLAS sees one 28 x 28 image at a time here: threads for that only take memory, 8 MB on two cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
