"""From bytes to a tree: encodings, parsers, and pages that are too complex to parse."""
