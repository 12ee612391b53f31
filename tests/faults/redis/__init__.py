"""Redis lost, frozen, full, emptied or written to by others."""
