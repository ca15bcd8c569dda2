"""Forms: named regions of a document, each with what its text must satisfy."""
