"""The programs here are no tests: tests/system/test_typing.py gives them to the type checkers, and runs them."""

collect_ignore_glob = ["*.py"]
