"""Giving the learnt reward to the rows of large offline datasets, in shards, on one machine or on many."""
