"""The HTTP server: one process, or several under a supervisor."""
