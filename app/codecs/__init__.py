"""Requests and responses in bytes: picture bodies, query parameters, tensors, NumPy files, the V1 and V2 protocols."""
