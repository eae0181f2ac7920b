"""What the command prints: results, tables, findings and progress bars."""
