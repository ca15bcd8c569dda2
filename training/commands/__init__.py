"""What the commands of `python -m training` do: each checks, calls one room, and prints."""
