"""The outside world: each file knows one service and turns its errors into sentences."""
