"""The long verbs of a session, each as snapshot, steps, commit."""
