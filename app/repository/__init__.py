"""Models on disk: checked, loaded, and replaced while requests are answered."""
