"""Answers that are kept, and used instead of asking again."""
