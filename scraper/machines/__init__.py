"""A crawl on several machines: who crawls what, one data file for all, and how a machine joins and leaves."""
