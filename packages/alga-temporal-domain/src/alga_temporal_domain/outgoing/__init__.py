"""CloudEvents that go out: rows of the transaction that they tell of, delivered by a relay."""
