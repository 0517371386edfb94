"""Moving in: what another index holds, taken from wherever it lies."""
