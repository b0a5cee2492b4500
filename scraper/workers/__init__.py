"""Worker processes: what takes computing is done on every core, and what has to be told apart stays in one place.

    owner (the command)                                worker processes, `[engine] processes`
    frontier, limits, cookies, retries                 fetch: connections, TLS, decompression
        │ FETCH ───────────────────────────────────▶   the wire
        │ ◀──────────────────────────── HEAD           status and headers; the body stays
        ▼                                              policies: is it a page?
    pages ◀────────────────────── RESULTS              callbacks: items, and those links that may be new
        ▼
    pipelines, sinks, checkpoints

The owner is the crawl as it is with one process, and so are its promises: only the stages `fetch` and `parse` are
others. They send orders, in batches, over a pair of sockets. A worker that dies loses what it had in hand; the owner
asks for these pages again, through all limits, and starts another one. A page at which workers die is tried alone, and
then quarantined.

With `[parsing] executor = "process"` the same processes run plain callbacks alone, for pages that the owner has
fetched.
"""
