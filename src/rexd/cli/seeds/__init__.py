"""``rexd train --seeds``: the same training with several seeds, each in a process of its own, and their summary."""
