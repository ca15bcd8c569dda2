"""Lines of signs are written, cut up as the service does it, and the decoder of lines is fitted to them."""
