"""Mends of demonstrations, each of which answers a finding; ``rexd convert`` offers them."""
