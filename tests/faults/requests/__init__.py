"""Lost answers, slow clients and overload."""
