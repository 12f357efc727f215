"""The errors a user may see: each says what was wrong, where, and the way out."""


class MedfmError(Exception):
    """Base of every error that is shown to the user as one line."""


class BadInput(MedfmError, ValueError):
    """The caller's image, prompt, label or option does not fit."""


class LiesElsewhere(BadInput):
    """Labels lie on another grid than their image; they may still be its voxels."""


class NamesMissing(BadInput):
    """Labels hold many values without names, as if each were an object."""


class BadFile(MedfmError, ValueError):
    """A file is damaged, hostile, or not of the kind it claims to be."""


class WriteFailed(MedfmError, OSError):
    """A file could not be written; what was there before is untouched."""


class MissingWeights(MedfmError, FileNotFoundError):
    """A model's weights are not on this machine; the message says how to get them."""


class MissingPackage(MedfmError, ImportError):
    """A package that only some models need is not installed."""


class Cancelled(MedfmError):
    """The user cancelled the job; nothing was committed."""
