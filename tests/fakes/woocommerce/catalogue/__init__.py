"""The catalogue of the fake shop: products, variations and categories, and what becomes of what is written to them."""
