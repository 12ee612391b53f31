"""Runs the fake shop by itself: `python -m tests.fakes.shopify`."""

from tests.fakes.shopify.shop import main

if __name__ == "__main__":
    main()
