"""Mends of demonstrations, each the answer to a finding; ``rexd convert`` applies them."""
