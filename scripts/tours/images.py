"""docs/how-to/images.md: whole images, on a contact sheet of tiles of the section."""

from __future__ import annotations

from tours.hand import Hand

SAMPLE = "pathology"
SHOWN = {"gland": (1, 2, 5), "stroma": (4, 7, 10)}


def steps(hand: Hand) -> None:
    """Cut the section into tiles, label a few, and have the others classified."""
    desk = hand.desk
    picture = desk.session.images[SAMPLE].plane()
    side = min(picture.shape[:2]) // 4
    for number in range(12):
        row, col = side * (number // 4), side * (number % 4)
        tile = picture[row : row + side, col : col + side]
        desk.viewer.add_image(tile, name=f"tile {number + 1}", visible=False)
    hand.rest()
    desk.session.remove_image(SAMPLE)
    for name in SHOWN:
        desk.add_class(name)
    hand.open("Images")
    hand.rest()
    desk.images.add_layers()
    hand.rest()
    items = {item.title: item for item in desk.images.items}
    for value, numbers in enumerate(SHOWN.values(), 1):
        desk.images.label([items[f"tile {n}"] for n in numbers], value)
    desk.images.learn()
    hand.rest()
    desk.images.show(desk.images.sheet[0])
    hand.look_at_all()
    hand.widget.panels["Images"].refresh()
    hand.scroll(0.5)
    hand.picture("images")
