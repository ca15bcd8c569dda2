"""Sheets of numbers written by hand and photographed, and the share of their lines that is read exactly."""
