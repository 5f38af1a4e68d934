"""HTTP 8080: health, status, metrics and turns."""
