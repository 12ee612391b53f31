"""Runs the fake Shopify as a process: `python -m tests.fakes.shopify`."""

from tests.fakes.shopify.shop import main

if __name__ == "__main__":
    main()
