"""HTML forms: their controls, the values in them, and how they are submitted."""
