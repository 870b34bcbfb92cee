"""`dev.py run --demo`: the first start brings people to look at, and the second leaves them as they are."""

from pathlib import Path

import pytest

from tests.acceptance.product import copy_of_the_tree, running_product

pytestmark = pytest.mark.acceptance


def test_the_first_start_loads_people_with_its_progress_shown_and_the_second_finds_them(tmp_path: Path) -> None:
    tree = copy_of_the_tree(tmp_path)
    with running_product(tree, "run", "--demo", "20") as product:
        said = "".join(product.output)
        assert "days sent" in said and "days rolled up" in said
        rows = product.all_rows()
        assert len(rows) > 1000 and all(str(row["user_id"]).startswith("64656d6f-") for row in rows)
        staff = product.browser(staff=True)
        report = staff.get(f"{product.url}/admin/analytics/reports/active_people.json").json()
        assert sum(day["active_people"] for day in report["rows"]) > 50
    with running_product(tree, "run", "--demo", "20") as product:
        assert "demo people exist already" in "".join(product.output)
        assert len(product.all_rows()) == len(rows)
