"""Opens the shops of stores: reads a store's row, decrypts its credentials, keeps its tokens."""
