// Detects views and ends of pages, for full page loads and for changes of the address only.

export interface Watcher {
  /** A new path is shown, or a page returned from the back/forward cache. */
  viewed(): void;
  /** The page may not come back. */
  leaving(): void;
  /**
   * The tab is probably closing: the page ends without a navigation event. A reload with the browser's button and a typed
   * address look the same.
   */
  closing(): void;
}

interface NavigateEvent extends Event {
  readonly destination: { readonly sameDocument: boolean };
}

/** Watch until the returned function is called. Without the Navigation API, closing tabs are not detected. */
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

/** Without the Navigation API, detect changes of the address by wrapping the history's methods. */
function wrapHistory(changed: () => void, stop: AbortSignal): void {
  for (const name of ["pushState", "replaceState"] as const) {
    const original = history[name];
    const wrapped: History["pushState"] = function (this: History, ...args) {
      original.apply(this, args);
      if (!stop.aborted) changed();
    };
    history[name] = wrapped;
    // If another script has wrapped ours since, ours stays and only passes the call on.
    stop.addEventListener("abort", () => history[name] === wrapped && (history[name] = original));
  }
}
