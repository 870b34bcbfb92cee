"""The catalogue for people, programs, browsers and the collector: the committed files say what the catalogue says."""

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from analytics.catalogue import current_catalogue
from analytics.catalogue_export import Format, export, for_browsers
from analytics.retention import RETENTION_MONTHS

ROOT = Path(__file__).parents[2]
COMMITTED = {
    Format.MARKDOWN: "docs/data-dictionary.md",
    Format.PEOPLE: "docs/for-our-users.md",
    Format.PACKAGE: "frontend/src/catalogue.ts",
    Format.COLLECTOR: "deploy/collector/allow-list.yaml",
}
FORMATS = "markdown, people, json, typescript, package, collector"
OWN = """\
[user_activity.greeting]
description = "Somebody said */ hello | <b>."
purpose = "Count
 greetings."
owner = "team@example.org"
expires = 2999-01-01
browser = true

[feature_usage.dance]
description = "A dance."
purpose = "See who dances."
owner = "team@example.org"
expires = 2999-01-01
actions = ["ended", "begun"]
browser = true

[feature_usage.dance.metadata.steps]
type = "integer"
minimum = 0
maximum = 1000000
description = "How many."

[feature_usage.dance.metadata.style]
type = "choice"
choices = ["waltz", "tango"]
description = "Which."

[feature_usage.dance.metadata.partner]
type = "pseudonym"
description = "With whom."

[feature_usage.dance.metadata.slow]
type = "boolean"
description = "Whether it was slow."

[feature_usage.backstage]
description = "Never in a browser."
purpose = "See who works there."
owner = "team@example.org"
expires = 2999-01-01
actions = ["entered"]
""".replace('"Count\n greetings."', '"""Count\n greetings."""')


def exported(form: str) -> str:
    output = StringIO()
    call_command("export_catalogue", format=form, stdout=output)
    return output.getvalue()


@pytest.fixture
def own_catalogue(tmp_path: Path, settings: Settings) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    settings.TELEMETRY_CATALOGUES = [str(path)]
    return path


@pytest.mark.parametrize("form", COMMITTED)
def test_the_committed_file_says_what_the_catalogue_says(form: Format) -> None:
    path = COMMITTED[form]

    assert (ROOT / path).read_text(encoding="utf-8") == export(current_catalogue(), form), (
        f"{path} has drifted; mend it with: python manage.py export_catalogue --format {form} --output {path}"
    )


def test_the_output_goes_to_the_file_that_is_named(tmp_path: Path) -> None:
    path = tmp_path / "dictionary.md"

    call_command("export_catalogue", format="markdown", output=str(path))

    assert path.read_text(encoding="utf-8") == exported("markdown")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (
            {"format": "xml"},
            "--format must be one of markdown, people, json, typescript, package, collector; it is 'xml'",
        ),
        ({"format": ""}, "--format must be one of markdown, people, json, typescript, package, collector; it is ''"),
        ({"output": "/"}, "/ cannot be written: Is a directory"),
    ],
)
def test_wrong_usage_is_one_line_and_exits_with_2(options: dict[str, str], complaint: str) -> None:
    with pytest.raises(CommandError) as caught:
        call_command("export_catalogue", **options)

    assert (str(caught.value), caught.value.returncode) == (complaint, 2)


def test_a_broken_catalogue_is_one_line_and_exits_with_2(tmp_path: Path, settings: Settings) -> None:
    settings.TELEMETRY_CATALOGUES = [str(tmp_path / "none.toml")]

    with pytest.raises(CommandError, match=r"none\.toml: cannot be read") as caught:
        exported("json")

    assert caught.value.returncode == 2


@pytest.mark.usefixtures("own_catalogue")
def test_the_page_for_people_has_every_event_with_its_purpose_and_every_detail() -> None:
    text = exported("people")

    assert "- **dance**: A dance. *Why: See who dances.*\n  - steps: How many.\n  - style: Which.\n" in text
    assert "Somebody said */ hello \\| &lt;b>. *Why: Count greetings.*" in text
    for event in current_catalogue().events.values():
        assert f"- **{event.name}**: " in text
        assert all(f"  - {field}: " in text for field in event.fields)
    assert f"kept for {RETENTION_MONTHS} months" in text and "$" not in text


@pytest.mark.usefixtures("own_catalogue")
def test_the_dictionary_has_a_projects_own_events_and_every_column() -> None:
    text = exported("markdown")

    assert "### `dance`\n\nA dance.\n\n- Purpose: See who dances.\n- Owner: team@example.org\n" in text
    assert "- Expires: 2999-01-01\n- Actions: begun, ended\n- May come from a browser: yes\n" in text
    assert "| `steps` | integer from 0 to 1000000 | How many. |" in text
    assert "| `style` | one of: tango, waltz | Which. |" in text
    assert "Somebody said */ hello \\| &lt;b>.\n\n- Purpose: Count greetings.\n" in text
    for table in ("analytics_user_activity", "analytics_endpoint_usage", "analytics_feature_usage"):
        assert f"### `{table}`" in text
    assert "| `duration_ms` | number | Milliseconds. |" in text
    assert "| `session_id` | text, at most 64 characters, may be empty | Pseudonym of the session. |" in text


def test_the_json_form_names_no_path_of_this_machine(own_catalogue: Path) -> None:
    text = exported("json")
    events: list[dict[str, Any]] = json.loads(text)["events"]
    [dance] = [event for event in events if event["name"] == "dance"]

    assert str(own_catalogue) not in text and str(ROOT) not in text
    assert dance == {
        "category": "feature_usage",
        "name": "dance",
        "description": "A dance.",
        "purpose": "See who dances.",
        "owner": "team@example.org",
        "expires": "2999-01-01",
        "browser": True,
        "actions": ["begun", "ended"],
        "metadata": [
            {"name": "steps", "type": "integer", "description": "How many.", "minimum": 0, "maximum": 1000000},
            {"name": "style", "type": "choice", "description": "Which.", "choices": ["tango", "waltz"]},
            {"name": "partner", "type": "pseudonym", "description": "With whom."},
            {"name": "slow", "type": "boolean", "description": "Whether it was slow."},
        ],
    }


@pytest.mark.usefixtures("own_catalogue")
def test_the_types_for_browsers_have_what_a_browser_may_record_and_nothing_else() -> None:
    text = exported("typescript")
    names = set(re.findall(r"^    (\w+):", text, re.MULTILINE))

    assert names == {event.name for event in current_catalogue().events.values() if event.browser}
    assert {"greeting", "dance"} < names and "backstage" not in names
    assert "    /** Somebody said *\\/ hello | <b>. */\n    greeting: Record<string, never>;\n" in text
    assert 'dance: Record<"begun" | "ended", {\n' in text
    assert "      /** How many. (integer from 0 to 1000000) */\n      steps?: number;\n" in text
    assert '      style?: "tango" | "waltz";\n' in text
    assert '    dance: [["begun", "ended"], {"steps": [0, 1000000], "style": ["tango", "waltz"], ' in text
    assert '"partner": null, "slow": true}],' in text
    assert "      partner?: string;\n" in text
    assert "      slow?: boolean;\n" in text


@pytest.mark.usefixtures("own_catalogue")
def test_the_types_are_registered_with_the_package_in_place_of_its_own() -> None:
    text = exported("typescript")

    assert text.startswith(
        "// Generated by `manage.py export_catalogue --format typescript`; do not edit.\n"
        'import type { Declared } from "@rhesis/telemetry";\n\n'
        'declare module "@rhesis/telemetry" {\n  interface Register { catalogue: Catalogue }\n}\n'
    )
    assert "\nexport const catalogue: Declared = {\n" in text


def test_of_two_routes_for_one_path_the_one_with_more_text_comes_last(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "own.toml"
    path.write_text('[routes]\npages = ["/:team/1st", "/boards/:id", "/:team/:id", "/1st/:id"]\n')
    settings.TELEMETRY_CATALOGUES = [str(path)]

    _, metadata = for_browsers(current_catalogue())["feature_usage"]["page_view"]

    own = [route for route in metadata["route"] if route in {"/:team/1st", "/boards/:id", "/:team/:id", "/1st/:id"}]
    assert own == ["/:team/:id", "/:team/1st", "/1st/:id", "/boards/:id"]


@pytest.mark.usefixtures("own_catalogue")
def test_the_collectors_list_has_every_declared_key() -> None:
    text = exported("collector")

    assert {"steps", "style", "partner", "slow", "test_count"} <= set(re.findall(r'"metadata\.(\w+)"', text))


def test_ids_are_uuids_in_the_dictionary() -> None:
    """Django's field has a longest length too, of its text form on other databases."""
    lines = export(current_catalogue(), Format.MARKDOWN).splitlines()
    assert len([line for line in lines if line.startswith(("| `id` | uuid |", "| `user_id` | uuid |"))]) == 6
    assert len([line for line in lines if line.startswith("| `organization_id` | uuid, may be empty |")]) == 3
