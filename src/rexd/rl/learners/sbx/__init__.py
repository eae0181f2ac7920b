"""The learners on sbx (JAX): SAC with demonstrations, and a discriminator beside it."""
