// Types of the events: the package's own, or those that an app registers in their place.
import type { Catalogue } from "./catalogue.js";

/** Empty. The file that `manage.py export_catalogue --format typescript` writes adds the app's `catalogue`. */
export interface Register {}

type Current = Register extends { catalogue: infer Own extends { events: object; features: object } } ? Own : Catalogue;

/** Event -> its metadata. */
export type Events = Current["events"];
/** Feature -> action -> its metadata. */
export type Features = Current["features"];
