"""What is common to all folds: time, modules, what is read of them, and what was kept."""
