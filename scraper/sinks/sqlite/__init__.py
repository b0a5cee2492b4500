"""Items as rows of a SQLite database."""
