"""`python -m temporal_worker`."""

from temporal_worker.cli import main

if __name__ == "__main__":
    main()
