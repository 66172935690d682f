"""Which candidate: the free versions, what each would cost, and what speaks against it."""
