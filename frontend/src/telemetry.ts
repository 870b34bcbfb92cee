// The three calls of the original note, for those who consent. Nothing here throws, waits, or writes to the console.
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { AlwaysOnSampler, TracerProvider, type ReadableSpan } from "@opentelemetry/sdk-trace";
import type { HrTime } from "@opentelemetry/api";
import { agrees, now, setClock } from "./clock.js";
import { admitted, type Declared } from "./declared.js";
import { askIdentity, type Identity } from "./identity.js";
import { Outbox, type Road } from "./outbox.js";
import { isInnerFrame, page, type Settings } from "./page.js";
import { routeOf } from "./routes.js";
import { activated, isMadeAhead, whenLookedAt } from "./looked.js";
import type { Events, Features } from "./register.js";
import { GIVEN_UP, type TelemetryState } from "./state.js";
import { forgetTab, Tab } from "./tab.js";
import { watch } from "./views.js";
import { post } from "./wire.js";

/** Taken for the sake of the original note's signatures and never looked at: the session says who it is. */
type Ignored = string | null | undefined;

export interface TelemetryOptions {
  /** NEXT_PUBLIC_OTEL_ENDPOINT: a path of this site ("/v1/traces"), or a collector's address. Empty: no telemetry. */
  endpoint: string | undefined;
  /** NEXT_PUBLIC_DEPLOYMENT_TYPE. */
  deploymentType?: string | undefined;
  /** Where the site says whether the person consents ("/v1/identity"). */
  identityUrl?: string;
  /** Your own: what `manage.py export_catalogue --format typescript` writes, which has its types too. */
  catalogue?: Declared;
  /** What the site has said already, with the page: then it is not asked again, unless that is old or a clock is off. */
  identity?: Identity;
  /** Count page views without being told (true). An app whose router tells them says false. */
  autoPageViews?: boolean;
  /** Called with each new state, which tells why telemetry is on or not. */
  onState?: (state: TelemetryState) => void;
  /** Write each new state to the console (false). */
  debug?: boolean;
}

const DAYS_7_S = 604_800;
/** A cookie that the site sets anew with every choice: it reaches as far as the session does, also over ports. */
const CHOICE_COOKIE = "privacy_choice";

/**
 * Begin, if there is an endpoint and the person consents. Resolves to whether it has. In a server-rendered app it does
 * nothing on the server. Called again, it asks the site again: after signing in, out, or in as somebody else.
 */
export async function initTelemetry(options: TelemetryOptions): Promise<boolean> {
  if (typeof window === "undefined") return false;
  if (isMadeAhead()) await activated();
  const isFirst = !page.settings;
  try {
    if (options.endpoint) {
      const settings = { ...options, url: tracesUrl(options.endpoint) };
      if (isFirst) listen();
      page.settings ??= settings;
      page.catalogue = options.catalogue ?? page.catalogue;
      return begin(isFirst ? options.identity : undefined);
    }
  } catch {
    // An address that is none, or a browser without channels.
  }
  tell("not_set_up", options);
  return isTelemetryEnabled();
}

/** Hear what is decided elsewhere, and when it is worth asking again. Once in a page's life. */
function listen(): void {
  page.channel = new BroadcastChannel("privacy");
  // What another tab, or the privacy page in this one, was told. What is no such message is no decision: the site is asked.
  page.channel.onmessage = ({ data }) => void (data?.enabled === false ? end("off") : begin());
  const { cookieStore } = globalThis as { cookieStore?: EventTarget };
  cookieStore?.addEventListener("change", (event) => {
    const { changed } = event as Event & { changed: readonly { name?: string }[] };
    if (changed.some(({ name }) => name === CHOICE_COOKIE)) void begin();
  });
  // A choice made where neither reaches: on another host, in another browser.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && !GIVEN_UP.includes(page.state!)) void begin();
  });
  addEventListener("online", () => void begin().then(() => page.running?.outbox.forceFlush()));
}

/** Say why telemetry is on or not, if that is new. */
function tell(state: TelemetryState, to: TelemetryOptions | null = page.settings): void {
  if (state === page.state) return;
  page.state = state;
  if (to?.debug) console.debug(`[telemetry] ${state}`);
  try {
    to?.onState?.(state);
  } catch {
    // The app's own mistake, which it must not make in the middle of ours.
  }
}

/**
 * Tell this and every other open tab what the person has just decided. Off throws away what is queued, at once; on asks
 * the site, which has the last word. The decision itself is made with `PUT /api/users/telemetry/enable` or `disable`.
 */
export async function setTelemetryEnabled(enabled: boolean): Promise<boolean> {
  if (!enabled) end("off");
  const is = enabled && (await begin());
  page.channel?.postMessage({ wanted: enabled, enabled: is, message: is ? "Telemetry is on." : "Telemetry has been disabled." });
  return is;
}

export function isTelemetryEnabled(): boolean {
  return page.running !== null;
}

/** A page was looked at; not by a frame in a page of the same origin. Its route pattern is recorded, never `path`, which may be left out. */
export function trackPageView(path?: string, _userId?: Ignored, _organizationId?: Ignored): void {
  quietly(() => {
    if (isInnerFrame()) return;
    const route = routeOf(path ?? location.pathname);
    whenLookedAt(() => quietly(() => record("feature_usage", "page_view", "viewed", { route })));
  });
}

/** Something the catalogue declares as a user activity happened. */
export function trackEvent<E extends keyof Events>(
  event: E,
  metadata?: Events[E],
  _userId?: Ignored,
  _organizationId?: Ignored,
): void {
  quietly(() => record("user_activity", event, null, metadata ?? {}));
}

/** A feature was used. */
export function trackFeatureUsage<F extends keyof Features, A extends keyof Features[F]>(
  feature: F,
  action: A,
  metadata?: Features[F][A],
  _userId?: Ignored,
  _organizationId?: Ignored,
): void {
  quietly(() => record("feature_usage", feature, action as string, metadata ?? {}));
}

function quietly(work: () => void): void {
  try {
    if (page.running) work();
  } catch {
    // The page must not notice.
  }
}

function record(category: "user_activity" | "feature_usage", name: string, action: string | null, metadata: object): void {
  const { running } = page;
  if (!running) return;
  const attributes = admitted(category, name, action, metadata, running.firstParty);
  if (!attributes) return;
  const at = hrTime(now());
  const name_ = category === "user_activity" ? "user.activity" : "feature.usage";
  running.tracer.startSpan(name_, { root: true, startTime: at, attributes }).end(at);
}

/** As seconds and nanoseconds: the SDK takes small numbers for times since the page began. */
function hrTime(ms: number): HrTime {
  return [Math.floor(ms / 1000), Math.round(ms % 1000) * 1_000_000];
}

/**
 * Begin, go on or end, as the site answers. Of several questions at once the latest one's answer counts, and each
 * resolves to what came of it. `refused`: the session whose spans were just refused.
 */
async function begin(known?: Identity, refused?: string): Promise<boolean> {
  return page.settings ? (page.latest = ask(page.settings, ++page.turn, known, refused)) : false;
}

async function ask(settings: Settings, turn: number, known?: Identity, refused?: string): Promise<boolean> {
  const { identityUrl = "/v1/identity" } = settings;
  const askedMs = Date.now();
  // A page says the same when it comes out of a cache an hour later, and so cannot set a clock; a fresh answer can.
  const toldNow = known?.now_ms && agrees(known.now_ms) ? known : null;
  const answer = toldNow ?? (await askIdentity(identityUrl));
  if (page.turn !== turn) return page.latest ?? isTelemetryEnabled();
  if (typeof answer === "string") {
    // Not known now. What runs asks the gate with each send anyway.
    if (!page.running) tell(answer);
    return isTelemetryEnabled();
  }
  const session = answer.page;
  if (!answer.telemetry_enabled || !session) end(answer.reason ?? "off");
  else if (session === refused) tell("refused");
  else if (page.running?.session !== session) {
    end(); // what another session recorded goes under no other
    if (!toldNow && answer.now_ms) setClock(answer.now_ms, askedMs, Date.now());
    run(answer, session, settings, identityUrl);
  }
  return isTelemetryEnabled();
}

function run(known: Identity, session: string, settings: Settings, identityUrl: string): void {
  const { url, deploymentType } = settings;
  const firstParty = url.origin === location.origin;
  const inner = isInnerFrame();
  const seesViews = settings.autoPageViews !== false && !inner;
  const tab = new Tab(session, now(), !inner);
  let identity: Identity | null = known;
  let here = true;
  // Only its own: a late answer to what was queued before is no reason to end what has begun since.
  const refused = () => {
    if (!here) return;
    end();
    void begin(undefined, session);
  };

  const road: Road = {
    allowed: () => here && page.running?.outbox === outbox,
    body: (spans, closing) => {
      if (firstParty) return serialized(spans);
      if (closing) return inTime(identity) ? stamped(spans, identity) : null;
      // Straight to a collector nobody asks the gate on the way, so the site is asked before each send.
      return askIdentity(identityUrl).then((answer) => {
        if (answer === "blocked" || answer === "offline") throw new Error(answer);
        identity = typeof answer === "string" ? null : answer;
        if (identity && (!identity.telemetry_enabled || identity.page !== session)) refused();
        return inTime(identity) ? stamped(spans, identity) : null;
      });
    },
    send: (body, closing) => post(url.href, body, firstParty ? { "X-Telemetry-Page": session } : {}, closing),
    // What carries pseudonyms is not left lying about, and after the end nothing is.
    keep: (bodies) => void (here && tab.keep(firstParty ? bodies : [])),
    onOff: refused,
    told: (state) => {
      if (!here) return;
      if (state === "blocked") end(state);
      else tell(state);
    },
  };
  const outbox: Outbox = new Outbox(road, tab.backlog);
  const provider = new TracerProvider({
    sampler: new AlwaysOnSampler(),
    resource: resourceFromAttributes({
      "service.name": "rhesis-frontend",
      ...(deploymentType ? { "deployment.type": deploymentType } : {}),
    }),
    spanProcessors: [outbox],
  });
  const unwatch = watch(
    {
      viewed: () => trackPageView(),
      leaving: () => outbox.close(),
      closing: () =>
        inner ||
        trackEvent("session_end", { duration_s: Math.min(DAYS_7_S, Math.max(0, Math.round((now() - tab.beganMs) / 1000))) }),
    },
    seesViews,
  );
  page.running = {
    outbox,
    tracer: provider.getTracer("rhesis.telemetry.browser", "0.1.0"),
    unwatch: () => {
      here = false;
      unwatch();
    },
    firstParty,
    session,
  };
  tell("on");
  if (seesViews) trackPageView();
}

/** Stop at once, and throw away what is queued here and kept in the tab. */
function end(why?: TelemetryState): void {
  page.turn++;
  page.latest = null;
  const ending = page.running;
  page.running = null;
  if (ending) {
    ending.unwatch();
    ending.outbox.clear();
    if (!isInnerFrame()) forgetTab();
  }
  if (why) tell(why);
}

function inTime(identity: Identity | null): identity is Identity {
  return !!identity?.telemetry_enabled && (identity.expires_ms ?? 0) > now();
}

function serialized(spans: readonly ReadableSpan[]): string {
  return new TextDecoder().decode(JsonTraceSerializer.serializeRequest([...spans]));
}

/** With the pseudonyms on; what was recorded before consent began is left out. */
function stamped(spans: readonly ReadableSpan[], identity: Identity): string {
  const { "session.id": session, ...people } = identity.identity ?? {};
  return serialized(
    spans
      .filter((span) => span.startTime[0] * 1000 + span.startTime[1] / 1e6 >= (identity.since_ms ?? Infinity))
      .map((span) =>
        Object.create(span, {
          attributes: {
            value: {
              ...span.attributes,
              ...people,
              ...(session && span.name === "user.activity" ? { "session.id": session } : {}),
            },
          },
        }),
      ),
  );
}

/** A path of this site as it is; of an address the collector's own path, as the OTLP specification has it. */
export function tracesUrl(endpoint: string): URL {
  const url = new URL(endpoint, location.origin);
  if (!endpoint.startsWith("/") && !url.pathname.endsWith("/v1/traces")) {
    url.pathname = `${url.pathname.replace(/\/$/, "")}/v1/traces`;
  }
  return url;
}
