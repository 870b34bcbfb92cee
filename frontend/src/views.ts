// When a page is looked at and when it is left, in pages that load anew and in those that only change their address.

export interface Watcher {
  /** A page is in front of the person: another path, or one that came back from the back/forward cache. */
  viewed(): void;
  /** The page may not come back. */
  leaving(): void;
  /**
   * The tab is closing, as far as can be seen: the page goes, and by nothing that a page is told of. A reload by the
   * browser's own button and an address typed in look the same.
   */
  closing(): void;
}

interface NavigateEvent extends Event {
  readonly destination: { readonly sameDocument: boolean };
}

/** Watch until the answer is called. Without the Navigation API no tab counts as closing: it would be a guess. */
export function watch(watcher: Watcher, seesViews: boolean): () => void {
  const stop = new AbortController();
  const options = { signal: stop.signal };
  const navigation = (globalThis as { navigation?: EventTarget }).navigation;
  let path = location.pathname;
  let navigating = false;
  const maybeViewed = () => {
    if (seesViews && location.pathname !== path) watcher.viewed();
    path = location.pathname;
  };
  navigation?.addEventListener("currententrychange", maybeViewed, options);
  if (!navigation && seesViews) wrapHistory(maybeViewed, stop.signal);
  navigation?.addEventListener(
    "navigate",
    (event) => (navigating ||= !(event as NavigateEvent).destination.sameDocument),
    options,
  );
  // A download or a cancelled navigation leaves the page where it is.
  navigation?.addEventListener("navigateerror", () => (navigating = false), options);
  addEventListener("popstate", maybeViewed, options);
  addEventListener(
    "pageshow",
    (event) => {
      if (!event.persisted) return;
      navigating = false;
      if (seesViews) watcher.viewed();
    },
    options,
  );
  addEventListener(
    "pagehide",
    (event) => {
      if (navigation && !event.persisted && !navigating) watcher.closing();
      watcher.leaving();
    },
    options,
  );
  document.addEventListener(
    "visibilitychange",
    () => {
      if (document.visibilityState === "hidden") watcher.leaving();
    },
    options,
  );
  return () => stop.abort();
}

/** Without the Navigation API nothing tells of an address that an app has changed, so its calls are listened to. */
function wrapHistory(changed: () => void, stop: AbortSignal): void {
  for (const name of ["pushState", "replaceState"] as const) {
    const original = history[name];
    const wrapped: History["pushState"] = function (this: History, ...args) {
      original.apply(this, args);
      if (!stop.aborted) changed();
    };
    history[name] = wrapped;
    // Whoever wrapped it after us goes on calling ours, which then only passes on.
    stop.addEventListener("abort", () => history[name] === wrapped && (history[name] = original));
  }
}
