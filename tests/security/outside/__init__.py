"""What others send or answer: shops, the ERP, Redis, webhooks."""
