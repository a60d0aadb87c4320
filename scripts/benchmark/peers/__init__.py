"""Other queues behind the driver's face, a module each. known.py lists them, install.py installs.

Each is set up as its own documentation says, with its own defaults where nothing else is said in
known.py. Nothing may live in this file.
"""
