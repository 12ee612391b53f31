"""Takes in the ERP's catalogue and its events."""
