"""Other rewards than RED with DI-engine's interface: its rivals, and those that move with the agent."""
