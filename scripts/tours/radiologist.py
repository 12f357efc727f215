"""docs/tutorials/radiologist.md: a structure in a volume."""

from __future__ import annotations

from tours.hand import Hand

SAMPLE = "radiology"
ONLY_TOLD = {"Prompt", "Box", "Through the volume", "Predict all planes"}
VENTRICLE = ((68, 74), (68, 82), (57, 66), (57, 90), (97, 78), (122, 52), (122, 105))
BRAIN = ((151, 70), (94, 70), (83, 19), (83, 137), (144, 26), (42, 54), (147, 110))
BESIDE = ((97, 54), (119, 41), (68, 78), (62, 64), (60, 78), (140, 78))
OUTSIDE = ((12, 12), (180, 12))


def steps(hand: Hand) -> None:
    """Teach the ventricles on a plane, look at another, and take both along."""
    hand.open("Models")
    hand.press("Prepare this plane")
    hand.open("Label")
    hand.add_class("ventricle")
    hand.press("Click examples")
    for place in VENTRICLE:
        hand.click(*place)
    hand.choose_class("background")
    for place in (*BRAIN, *BESIDE, *OUTSIDE):
        hand.click(*place)
    hand.choose_class("ventricle")
    hand.slide("How sure it must be", 0.35)
    hand.picture("ventricle")
    hand.press("Accept prediction")
    hand.turn(31)
    hand.press("Accept prediction")
    hand.picture("volume")
    hand.open("Review")
    hand.press("Take me there")
    hand.open("Export")
    hand.choose("Masks as", "NIfTI")
    hand.glance("volume-export")
    hand.save("Export masks", "ventricle.nii.gz")
    hand.save("Measurements", "ventricle.csv")
