from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_models_page_is_that_of_the_catalogue():
    found = spec_from_file_location("page", ROOT / "scripts/make_models_page.py")
    module = module_from_spec(found)
    found.loader.exec_module(module)
    text = (ROOT / "docs/models.md").read_text(encoding="utf-8")
    assert text == module.page(), "run python scripts/make_models_page.py"
