"""The routes, one module for each protocol. An endpoint is two translations around `Servable.predict`."""
