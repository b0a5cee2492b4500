"""What the bytes of a file are: JSON Lines, JSON, CSV."""
