"""`python -m reludsl` is the command line."""

from reludsl.cli import main

main()
