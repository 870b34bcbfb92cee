// State of this tab across pages: when it was opened, and unsent bodies. It contains no ids of people.

const KEY = "rhesis-telemetry";
const LARGEST = 200_000;

interface Memory {
  /** The session it belongs to; entries of another session are ignored. */
  page: string;
  beganMs: number;
  bodies: string[];
}

export class Tab {
  readonly beganMs: number;
  /** Unsent bodies of an earlier page of this tab and session. */
  readonly backlog: string[];

  constructor(
    private readonly page: string,
    nowMs: number,
    /** Whether it may store anything in the tab for a later page. */
    private readonly lasting: boolean,
  ) {
    const memory = lasting ? read() : null;
    const ours = memory?.page === page;
    this.beganMs = ours ? memory.beganMs : nowMs;
    this.backlog = ours ? memory.bodies : [];
    this.store(this.backlog);
  }

  store(bodies: readonly string[]): void {
    if (!this.lasting) return;
    const size = bodies.reduce((sum, body) => sum + body.length, 0);
    const memory: Memory = { page: this.page, beganMs: this.beganMs, bodies: size <= LARGEST ? [...bodies] : [] };
    try {
      sessionStorage.setItem(KEY, JSON.stringify(memory));
    } catch {
      // Storage is off or full; a closing page can then send only once.
    }
  }
}

/** Delete the tab's entry. */
export function forgetTab(): void {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // Storage is off and therefore empty.
  }
}

function read(): Memory | null {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEY) ?? "null") as Memory | null;
    return found && typeof found.beganMs === "number" && Array.isArray(found.bodies) ? found : null;
  } catch {
    return null;
  }
}
