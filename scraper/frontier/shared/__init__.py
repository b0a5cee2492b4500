"""A crawl on several machines: each owns some of the sites, and what waits is in a store that all share."""
