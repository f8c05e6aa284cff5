"""`python -m cli` is `overnight`; the processes that `serve` starts are started so."""

from cli.main import main

main()
