"""Crawls without the network: what a site answered is recorded, and answers again when the spider is replayed.

    recordings/books/pages.warc.gz     what was asked, and what was answered (WARC 1.1)
    recordings/books/items.jsonl       what the spider made of each page, as it was accepted

`recorder` and `replay` are what a crawl is handed to record, or to be answered by a recording; `differences` compares
what a spider makes of the pages now with what was accepted, and `contracts` reads what docstrings promise.
"""
