"""Bodies, sent and received: content codings, streams, uploads."""
