"""Requests and answers as bytes: picture bodies, tensors, the V1 and V2 protocols."""
