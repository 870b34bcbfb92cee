// Whether a person looks at the page: one that is made ahead, or opened in a tab behind, is no view until they do.

type Prerendered = Document & { readonly prerendering?: boolean };

let waiting: (() => void) | null = null;

export function isMadeAhead(): boolean {
  return (document as Prerendered).prerendering === true;
}

function isLookedAt(): boolean {
  return !isMadeAhead() && document.visibilityState !== "hidden";
}

function looked(): void {
  if (!waiting || !isLookedAt()) return;
  const work = waiting;
  waiting = null;
  work();
}

/** Do `work` now, or when the page is looked at. Of several that wait only the last is done: it is what is seen then. */
export function whenLookedAt(work: () => void): void {
  waiting = work;
  // Adding the same listener again changes nothing.
  for (const event of ["visibilitychange", "prerenderingchange"]) document.addEventListener(event, looked);
  looked();
}

/** Resolves when the page is more than made ahead. Nothing of it is anybody's before that. */
export function activated(): Promise<void> {
  return new Promise((resolve) => {
    document.addEventListener("prerenderingchange", () => resolve(), { once: true });
  });
}
