"""What goes wrong in a build. Nothing else may live here."""


class BuildError(Exception):
    """A source breaks a rule of "Writing a script"; the message names the source and the rule."""
