"""What `machines.py` judges with: a shop, a Redis, workers as processes, and what happens to them."""
