"""Two labellings are the same, exactly."""

import numpy as np


def same_state(one, other):
    """Compare two labellings, exactly."""
    assert one.classes == other.classes
    assert one.next_id == other.next_id
    assert list(one.images) == list(other.images)
    for a, b in zip(one.images.values(), other.images.values(), strict=True):
        assert (a.name, a.group, a.spacing, a.window) == (
            *(b.name, b.group, b.spacing, b.window),
        )
        assert a.channel_axis == b.channel_axis
        np.testing.assert_array_equal(a.affine, b.affine)
    for a, b in zip(one.annotations, other.annotations, strict=True):
        assert (a.id, a.image, a.value, a.level, a.kind) == (
            *(b.id, b.image, b.value, b.level, b.kind),
        )
        np.testing.assert_array_equal(a.pixels, b.pixels)
        assert a.pixels.dtype == b.pixels.dtype
    for a, b in zip(one.accepted, other.accepted, strict=True):
        assert (a.image, a.plane, a.over, a.origin) == (
            *(b.image, b.plane, b.over, b.origin),
        )
        np.testing.assert_array_equal(a.labels, b.labels)
        assert a.labels.dtype == b.labels.dtype
        assert a.provenance == b.provenance
    assert dict(one.thresholds) == dict(other.thresholds)
    assert list(one.prompts) == list(other.prompts)
    for key, a in one.prompts.items():
        assert a.as_dict() == other.prompts[key].as_dict()
    assert list(one.masks) == list(other.masks)
    for key, a in one.masks.items():
        b = other.masks[key]
        np.testing.assert_array_equal(a.data, b.data)
        assert (a.score, a.image, a.plane) == (b.score, b.image, b.plane)
        assert a.provenance == b.provenance
        assert len(a.alternatives) == len(b.alternatives)
    assert (one.head is None) == (other.head is None)
    if one.head is not None:
        assert one.head.card == other.head.card
