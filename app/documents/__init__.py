"""A document's file becomes its pages, each of them a picture."""
