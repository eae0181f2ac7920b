"""What any part of rexd needs of Gymnasium: making environments, their spaces, and what they hide."""
