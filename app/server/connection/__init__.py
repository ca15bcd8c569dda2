"""One connection: from its bytes to requests, and from responses to bytes."""
