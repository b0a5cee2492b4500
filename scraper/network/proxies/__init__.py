"""Proxies: their addresses, how several share the work, and SOCKS."""
