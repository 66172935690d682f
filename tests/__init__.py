"""The tests; a package, so that its fakes can be imported and its commands run with `python -m`."""
