"""Items in several files: one part after the other, and one file a value of a field."""
