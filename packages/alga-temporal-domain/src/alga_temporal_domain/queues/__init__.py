"""The queues of this worker: what belongs on each, and the processes that poll them."""
