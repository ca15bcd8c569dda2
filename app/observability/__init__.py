"""What operators see: metrics, statistics, logs, traces, request ids."""
