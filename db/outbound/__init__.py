"""Queries of outbound: items, runs and holds, mappings, push leases, and the ERP's catalogue."""
