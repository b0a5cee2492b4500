"""Requests, values and checkpoints as bytes."""
