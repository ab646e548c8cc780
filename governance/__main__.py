"""`python -m governance` is the command line."""

from governance.cli import main

main()
