"""Who watches from the bank: the log, the progress display and the summary.

They are called with events, or read `Statistics` snapshots; none of them knows the engine, and none changes a crawl.
"""
