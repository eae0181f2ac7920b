"""What a policy is worth: rollouts for the true return, statistics of it, and the policies that learn nothing.

``rexd.evaluation.evaluate`` plays and sums up; ``rollouts`` keeps every transition; ``statistics`` needs numpy alone.
"""
