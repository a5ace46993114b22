"""`python -m workflow_worker`."""

from workflow_worker.cli import main

if __name__ == "__main__":
    main()
