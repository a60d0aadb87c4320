"""Drills of a cluster: load on three primaries and three replicas while something is done to them,
and an account of every job after that."""
