"""Cookies by RFC 6265bis: read, kept, sent, and saved in files."""
