"""The service: reads handwritten digits over HTTP. It never imports `training`."""
