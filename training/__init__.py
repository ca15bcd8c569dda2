"""The offline package: trains digit classifiers, proves them, exports and publishes them for `app` to serve."""
