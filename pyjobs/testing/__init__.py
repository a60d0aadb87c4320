"""What tests of pyjobs, and of programs built on it, stand on. Nothing here runs in production."""
