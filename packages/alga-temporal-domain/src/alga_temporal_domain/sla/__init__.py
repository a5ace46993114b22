"""SLA clocks: named targets of an item that count business time, warn, breach and escalate."""
