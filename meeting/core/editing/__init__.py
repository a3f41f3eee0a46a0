"""What people change by hand: the rules, how a change is undone, and how edits are laid over what the pipeline says."""
