"""Spider classes for what many sites have: their users say what is to be made of each page, entry or row."""
