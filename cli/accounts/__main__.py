"""`python -m cli.accounts`: `wangge accounts` in a gateway's container, where the rest of `wangge` is not."""

from __future__ import annotations

from cli.accounts.command import accounts

if __name__ == "__main__":
    accounts(prog_name="python -m cli.accounts")
