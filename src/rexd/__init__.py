"""Random EXpert Distillation: demonstrations into a reward, and the reward into a policy."""
