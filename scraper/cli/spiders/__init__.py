"""Spiders as the command line names them: found, read, and given arguments."""
