"""The algorithms that learn a policy, behind one protocol."""
