from napari_medfm.core.names import meant

KNOWN = ["dinov2-small", "dinov2-base", "uni", "rad-dino", "raydino"]


def test_names_that_begin_so_come_first():
    assert meant("dino", KNOWN) == ["dinov2-small", "dinov2-base", "raydino"]
    assert meant("UN", KNOWN)[0] == "uni"
    assert meant("unl", KNOWN)[0] == "uni"
    assert meant("", KNOWN) == []
    assert meant("qqqqqq", KNOWN) == []
