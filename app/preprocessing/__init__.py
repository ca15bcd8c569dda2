"""A picture file becomes an MNIST image: decode, background, frames, ink, normalize."""
