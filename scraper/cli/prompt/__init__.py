"""The prompt of `scraper shell`."""
