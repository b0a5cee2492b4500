"""The operating system's process: its signals, its crashes, its stacks."""
