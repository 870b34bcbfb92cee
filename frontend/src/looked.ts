// Visibility of the page: a prerendered page, or one in a background tab, counts as viewed once it is visible.

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

/** Run `work` now, or once the page is visible. Of several waiting functions only the last runs. */
export function whenLookedAt(work: () => void): void {
  waiting = work;
  // Adding the same listener again changes nothing.
  for (const event of ["visibilitychange", "prerenderingchange"]) document.addEventListener(event, looked);
  looked();
}

/** Resolves when a prerendered page is activated. */
export function activated(): Promise<void> {
  return new Promise((resolve) => {
    document.addEventListener("prerenderingchange", () => resolve(), { once: true });
  });
}
