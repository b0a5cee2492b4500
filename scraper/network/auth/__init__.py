"""Credentials, sent to the origins that settings name and to no other."""
