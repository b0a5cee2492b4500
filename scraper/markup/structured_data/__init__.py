"""Data that a page holds ready: metadata, microdata, JSON-LD, tables, numbers."""
