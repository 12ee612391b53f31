"""Claims items, calls the shop and saves the results."""
