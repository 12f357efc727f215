"""What a user does in each tutorial, step by step, in the real window."""
