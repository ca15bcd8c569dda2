"""What every request passes: endpoints, the fast path, and the middleware around the routes."""
