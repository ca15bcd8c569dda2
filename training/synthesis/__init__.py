"""Pictures made for training: digits and non-digits, and what happens to them on paper and in cameras."""
