"""The loop that drives a crawl: which request goes next, who sends it, and what becomes of its answer.

    engine                the whole run: begins it, stops it, counts it
    seeds, discovery      requests come in: what `start()` gives, what pages lead to
    slots, ticket         whose turn is it? one slot a site, one ticket a request
    scheduler, workers    requests go out
    outcomes              answers come in: delivered, retried, redirected, refused, failed
    pages                 callbacks, pipelines, sinks
    storage, checkpoints  what is written, and what is durable
    workload              how much is under way: backpressure, and the end
    accounting            what is counted, and told to observers
    stages                the parts that are driven
    watchdog              who blocks the loop?

Only `engine` puts them together. Every other class names in its constructor what it needs.
"""
