"""Output files: written in the background, compressed, and given their name when they are whole."""
