"""What an off-policy learner draws its batches from, and how their rewards are shaped."""
