"""Outbound: sends changes of the ERP's catalogue to the store's shop.

A price on its way out: `intake.catalogue` → `requests` → `sending.push_store` → `sending.claim` → `sending.shop_state` →
`planning.product_plan` → `sending.send_products` → `sending.save_results`.
"""
