"""Whole crawls: settings and a spider become a running crawl, and a crawl becomes a result."""
