"""A page becomes digits: form lines, layout, oversegmentation, the likeliest sequence."""
