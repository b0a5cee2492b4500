"""Recordings in their folders: made, replayed, compared with what was accepted; and docstring contracts checked."""
