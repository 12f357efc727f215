"""Everything that reads a file somebody else may have made, by name."""

from fuzzing.images import image_targets, label_targets
from fuzzing.models import model_targets
from fuzzing.projects import project_targets


def targets():
    """Return name -> `Target`."""
    return {
        **image_targets(),
        **label_targets(),
        **model_targets(),
        **project_targets(),
    }
