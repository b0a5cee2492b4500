"""A job in Redis, which several machines share: see `frontier/store.py` for what it promises.

Each operation of `RedisStore` is one Lua script, so it happens as a whole or not at all.
"""
