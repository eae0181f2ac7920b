"""What the command prints: tables, progress bars, findings and text."""
