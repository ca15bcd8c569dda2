"""What is drawn or printed around and through the numbers of a page: rings, boxes, grids, lines."""
