// The three calls of the original note. They never throw, block or, without `debug`, write to the console.
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { AlwaysOnSampler, TracerProvider, type ReadableSpan } from "@opentelemetry/sdk-trace";
import type { HrTime } from "@opentelemetry/api";
import { agrees, now, setClock } from "./clock.js";
import { admitted, type Declared } from "./declared.js";
import { askIdentity, type Identity } from "./identity.js";
import { Outbox, type Transport } from "./outbox.js";
import { isInnerFrame, page, type Settings } from "./page.js";
import { routeOf } from "./routes.js";
import { activated, isMadeAhead, whenLookedAt } from "./looked.js";
import type { Events, Features } from "./register.js";
import { GIVEN_UP, type TelemetryState } from "./state.js";
import { forgetTab, Tab } from "./tab.js";
import { watch } from "./views.js";
import { post } from "./wire.js";

/** Accepted for the original note's signatures and ignored: the session identifies the person. */
type Ignored = string | null | undefined;

export interface TelemetryOptions {
  /** NEXT_PUBLIC_OTEL_ENDPOINT: a path of this site ("/v1/traces"), or a collector's address. Empty: no telemetry. */
  endpoint: string | undefined;
  /** NEXT_PUBLIC_DEPLOYMENT_TYPE. */
  deploymentType?: string | undefined;
  /** Address that answers whether the person consents ("/v1/identity"). */
  identityUrl?: string;
  /** Your own: what `manage.py export_catalogue --format typescript` writes, which has its types too. */
  catalogue?: Declared;
  /** The site's answer, if the page contains it. The site is asked again if that is old or a clock is wrong. */
  identity?: Identity;
  /** Record page views automatically (true). An app whose router calls trackPageView sets false. */
  autoPageViews?: boolean;
  /** Called with each new state. */
  onState?: (state: TelemetryState) => void;
  /** Write each new state to the console (false). */
  debug?: boolean;
}

const DAYS_7_S = 604_800;
/** A cookie that the site changes with every choice. It has the session cookie's scope, which includes other ports. */
const CHOICE_COOKIE = "privacy_choice";

/**
 * Start recording, if there is an endpoint and the person consents; resolves to whether it started. On a server it does
 * nothing. Call it again after a sign-in or sign-out, to ask the site again.
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
    // An invalid address, or a browser without BroadcastChannel.
  }
  setState("not_set_up", options);
  return isTelemetryEnabled();
}

/** Listen for decisions made elsewhere, and for events after which to ask the site again. Called once for each page. */
function listen(): void {
  page.channel = new BroadcastChannel("privacy");
  // Decisions of another tab, or of the privacy page in this one. After any other message, ask the site.
  page.channel.onmessage = ({ data }) => void (data?.enabled === false ? end("off") : begin());
  const { cookieStore } = globalThis as { cookieStore?: EventTarget };
  cookieStore?.addEventListener("change", (event) => {
    const { changed } = event as Event & { changed: readonly { name?: string }[] };
    if (changed.some(({ name }) => name === CHOICE_COOKIE)) void begin();
  });
  // Choices made on another host or in another browser.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && !GIVEN_UP.includes(page.state!)) void begin();
  });
  addEventListener("online", () => void begin().then(() => page.running?.outbox.forceFlush()));
}

/** Report a new state. */
function setState(state: TelemetryState, to: TelemetryOptions | null = page.settings): void {
  if (state === page.state) return;
  page.state = state;
  if (to?.debug) console.debug(`[telemetry] ${state}`);
  try {
    to?.onState?.(state);
  } catch {
    // An error of the app's callback must not interrupt telemetry.
  }
}

/**
 * Announce a decision of the person to this and every other open tab. Off drops queued events at once; on asks the site.
 * The decision itself is saved with `PUT /api/users/telemetry/enable` or `disable`.
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

/** Record a page view by its route pattern, never its path. Ignored in a frame within a page of the same origin. */
export function trackPageView(path?: string, _userId?: Ignored, _organizationId?: Ignored): void {
  quietly(() => {
    if (isInnerFrame()) return;
    const route = routeOf(path ?? location.pathname);
    whenLookedAt(() => quietly(() => record("feature_usage", "page_view", "viewed", { route })));
  });
}

/** Record a user activity that the catalogue declares. */
export function trackEvent<E extends keyof Events>(
  event: E,
  metadata?: Events[E],
  _userId?: Ignored,
  _organizationId?: Ignored,
): void {
  quietly(() => record("user_activity", event, null, metadata ?? {}));
}

/** Record a use of a feature. */
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
    // Telemetry must never break the page.
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

/** Time as seconds and nanoseconds; the SDK treats small numbers as times since the page began. */
function hrTime(ms: number): HrTime {
  return [Math.floor(ms / 1000), Math.round(ms % 1000) * 1_000_000];
}

/**
 * Ask the site, then start, continue or end. Of several concurrent questions only the latest answer counts, and all
 * resolve to its result. `refused`: the session whose spans were just rejected.
 */
async function begin(known?: Identity, refused?: string): Promise<boolean> {
  return page.settings ? (page.latest = ask(page.settings, ++page.turn, known, refused)) : false;
}

async function ask(settings: Settings, turn: number, known?: Identity, refused?: string): Promise<boolean> {
  const { identityUrl = "/v1/identity" } = settings;
  const askedMs = Date.now();
  // A cached page contains an old time, so only a fresh answer may set the clock.
  const toldNow = known?.now_ms && agrees(known.now_ms) ? known : null;
  const answer = toldNow ?? (await askIdentity(identityUrl));
  if (page.turn !== turn) return page.latest ?? isTelemetryEnabled();
  if (typeof answer === "string") {
    // Unknown for now. A running instance is checked by the gate with each send anyway.
    if (!page.running) setState(answer);
    return isTelemetryEnabled();
  }
  const session = answer.page;
  if (!answer.telemetry_enabled || !session) end(answer.reason ?? "off");
  else if (session === refused) setState("refused");
  else if (page.running?.session !== session) {
    end(); // never send events of one session under another
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
  // Only for this run: a late answer to an earlier one must not end it.
  const refused = () => {
    if (!here) return;
    end();
    void begin(undefined, session);
  };

  const transport: Transport = {
    allowed: () => here && page.running?.outbox === outbox,
    body: (spans, closing) => {
      if (firstParty) return serialized(spans);
      if (closing) return inTime(identity) ? stamped(spans, identity) : null;
      // A collector elsewhere does not check consent, so ask the site before each send.
      return askIdentity(identityUrl).then((answer) => {
        if (answer === "blocked" || answer === "offline") throw new Error(answer);
        identity = typeof answer === "string" ? null : answer;
        if (identity && (!identity.telemetry_enabled || identity.page !== session)) refused();
        return inTime(identity) ? stamped(spans, identity) : null;
      });
    },
    send: (body, closing) => post(url.href, body, firstParty ? { "X-Telemetry-Page": session } : {}, closing),
    // Bodies with pseudonyms are never stored, and nothing is stored after the end.
    store: (bodies) => void (here && tab.store(firstParty ? bodies : [])),
    onOff: refused,
    report: (state) => {
      if (!here) return;
      if (state === "blocked") end(state);
      else setState(state);
    },
  };
  const outbox: Outbox = new Outbox(transport, tab.backlog);
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
  setState("on");
  if (seesViews) trackPageView();
}

/** Stop at once; drop queued events and the tab's stored ones. */
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
  if (why) setState(why);
}

function inTime(identity: Identity | null): identity is Identity {
  return !!identity?.telemetry_enabled && (identity.expires_ms ?? 0) > now();
}

function serialized(spans: readonly ReadableSpan[]): string {
  return new TextDecoder().decode(JsonTraceSerializer.serializeRequest([...spans]));
}

/** Spans with pseudonyms added, without those recorded before consent began. */
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

/** URL for traces: a path of this site unchanged, or a collector's address with /v1/traces, as OTLP specifies. */
export function tracesUrl(endpoint: string): URL {
  const url = new URL(endpoint, location.origin);
  if (!endpoint.startsWith("/") && !url.pathname.endsWith("/v1/traces")) {
    url.pathname = `${url.pathname.replace(/\/$/, "")}/v1/traces`;
  }
  return url;
}
