"""Where a page leads: its links, and when two URLs are one page."""
