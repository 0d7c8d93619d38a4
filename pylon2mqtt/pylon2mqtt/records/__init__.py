"""What is kept over a restart: the states of the hub, and what it has to tell."""
