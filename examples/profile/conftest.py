"""Makes the folder of the package importable for the tests."""
