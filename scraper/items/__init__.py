"""What a spider yields: items, their fields, and what fills them."""
