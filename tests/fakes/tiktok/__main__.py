"""Runs the fake TikTok Shop as a process: `python -m tests.fakes.tiktok`."""

from tests.fakes.tiktok.shop import main

if __name__ == "__main__":
    main()
