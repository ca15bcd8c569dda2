"""The routes, one module a protocol. Each is two translations around `Servable.predict`."""
