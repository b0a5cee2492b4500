"""What items of callbacks go through: an end in time, a place to wait, the pipelines and the sinks."""
