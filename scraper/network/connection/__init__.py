"""How a host is reached: addresses that are allowed, names, TLS, pooled connections and deadlines."""
