// Checks events against the catalogue at run time, because callers may not be type-checked.
import { catalogue } from "./catalogue.js";
import { page } from "./page.js";

/** Kind of a value: a list of texts to choose from, a number's two bounds, true: boolean, null: an id. */
export type Kind = readonly string[] | readonly [number, number] | true | null;
/** Category -> name -> actions and metadata. */
export type Declared = Record<string, Record<string, [actions: readonly string[], metadata: Record<string, Kind>]>>;

export type Value = string | number | boolean;
export type Attributes = Record<string, Value>;

const declared = (category: string): Declared[string] => (page.catalogue ?? catalogue)[category] ?? {};

/** The route patterns a page view may carry. */
export function routes(): readonly string[] {
  return (declared("feature_usage")["page_view"]?.[1]["route"] ?? []) as readonly string[];
}

/**
 * The attributes of an event; null if the catalogue does not declare it so. Ids are removed unless the event goes to this
 * site, because only the site can turn them into pseudonyms.
 */
export function admitted(
  category: "user_activity" | "feature_usage",
  name: string,
  action: string | null,
  metadata: object,
  mayHoldIds: boolean,
): Attributes | null {
  const events = declared(category);
  if (!Object.hasOwn(events, name)) return null;
  const [actions, kinds] = events[name]!;
  if (action !== null && !actions.includes(action)) return null;
  const found: Attributes =
    action === null
      ? { "event.category": category, "event.type": name }
      : { "event.category": category, "feature.name": name, "feature.action": action };
  for (const [key, value] of Object.entries(metadata)) {
    if (value === undefined) continue;
    const kind = Object.hasOwn(kinds, key) ? kinds[key] : undefined;
    if (kind === undefined || !fits(value, kind)) return null;
    if (kind !== null || mayHoldIds) found[`metadata.${key}`] = value as Value;
  }
  return found;
}

function fits(value: unknown, kind: Kind): boolean {
  if (kind === null) return typeof value === "string" || Number.isSafeInteger(value);
  if (kind === true) return typeof value === "boolean";
  if (typeof kind[0] === "number") return (value as number) >= kind[0] && (value as number) <= (kind[1] as number) && typeof value === "number";
  return (kind as readonly unknown[]).includes(value);
}
