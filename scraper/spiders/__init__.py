"""Spider classes for what many sites have: link rules, sitemaps and feeds."""
