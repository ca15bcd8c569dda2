"""Images become probabilities: the session on its device, the batcher before it, and explanations."""

import os

# onnxruntime's wheels contain a telemetry client. It starts when onnxruntime is imported, writes a session file and
# reports to the vendor. This variable prevents that; `disable_telemetry_events()` comes too late, after the file is
# written. It stands here because every import of onnxruntime is in this package.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
