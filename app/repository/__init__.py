"""The models on disk, checked, loaded and exchanged while requests go on."""
