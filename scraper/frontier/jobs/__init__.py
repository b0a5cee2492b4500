"""Job directories: a crawl that outlives its process."""
