"""Golden cases: whole outputs of commands over the recorded index; `python -m tests.golden.update` renews them."""
