"""Values that look like database expressions are compared as the text that they are."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import pytest
from image_curation import act
from image_curation.core.base.params import ParamError
from image_curation.dataset.fields.conditions import equals, holds

PRICES = ("$5", "$filepath", "$ground_truth.label", "$$ROOT", "5", "€5")


@pytest.fixture
def priced(dataset: Any) -> Any:
    """Two samples of each price, as class, as text and in a list."""
    labels = [price for price in PRICES for _ in range(2)]
    dataset.set_values("price", [fo.Classification(label=label) for label in labels])
    dataset.set_values("text", labels)
    dataset.set_values("list", [[label, "other"] for label in labels])
    return dataset


@pytest.mark.parametrize("price", PRICES)
def test_equals_and_holds__find_the_two_samples(priced: Any, price: str) -> None:
    wanted = priced.values("id")[2 * PRICES.index(price) :][:2]
    assert priced.match(equals("price.label", price)).values("id") == wanted
    assert priced.match(equals("text", price)).values("id") == wanted
    assert priced.match(holds("list", price)).values("id") == wanted
    for number, field in enumerate(("price", "text", "list")):
        act(priced, "save_slice", name=f"slice {number}", field=field, equals=price)
        assert priced.load_saved_view(f"slice {number}").values("id") == wanted


@pytest.mark.parametrize("value", [{"$gt": ""}, ["$5"], None, b"5"])
def test_equals__refuses_what_is_no_value(dataset: Any, value: Any) -> None:
    with pytest.raises(ParamError, match="must be text, a number, true or false; got"):
        equals("text", value)
    with pytest.raises(ParamError, match="must be text, a number, true or false; got"):
        holds("text", value)


@pytest.mark.parametrize("price", PRICES[:4])
def test_relabel__to_a_price_and_back(priced: Any, price: str) -> None:
    act(priced.limit(3), "relabel", label_field="price", label=price, new_class=True)
    assert priced.count_values("price_curated.label")[price] >= 3
    assert act(priced, "undo")["left"] == 0
    assert priced.values("price_curated.label") == priced.values("price.label")
