"""Programs around the tests: measures, comparisons, the coverage gate."""
