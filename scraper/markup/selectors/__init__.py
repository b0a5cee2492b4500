"""Selectors: parsel's names and meanings, by Lexbor, lxml and JMESPath."""
