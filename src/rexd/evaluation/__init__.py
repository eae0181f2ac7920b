"""What a policy earns: rollouts, statistics of the returns, and policies that learn nothing for comparison.

``rexd.evaluation.evaluate`` plays episodes and sums them up; ``rollouts`` keeps every transition; ``statistics`` needs
numpy alone.
"""
