"""The service: reads handwritten digits over HTTP. It never imports `training`."""

__version__ = "0.2.0"
