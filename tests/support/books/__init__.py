"""A generated world of sales: what happened, how each platform tells it, and what the views must therefore say."""
