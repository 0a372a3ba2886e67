class KeyFileError(ValueError):
    """A key or a key file is not usable. The message never quotes the key."""


class ProfileError(ValueError):
    """A profile is not usable. The message names the field."""
