// What this tab remembers from page to page: since when it is open, and what could not be sent yet. No ids of anybody.

const KEY = "rhesis-telemetry";
const LARGEST = 200_000;

interface Memory {
  /** Of the session it belongs to; what another session left behind is nobody's. */
  page: string;
  beganMs: number;
  bodies: string[];
}

export class Tab {
  readonly beganMs: number;
  /** What an earlier page of this tab and session left to send. */
  readonly backlog: string[];

  constructor(
    private readonly page: string,
    nowMs: number,
    /** Whether it may leave anything in the tab for a later page. */
    private readonly lasting: boolean,
  ) {
    const memory = lasting ? read() : null;
    const ours = memory?.page === page;
    this.beganMs = ours ? memory.beganMs : nowMs;
    this.backlog = ours ? memory.bodies : [];
    this.keep(this.backlog);
  }

  keep(bodies: readonly string[]): void {
    if (!this.lasting) return;
    const size = bodies.reduce((sum, body) => sum + body.length, 0);
    const memory: Memory = { page: this.page, beganMs: this.beganMs, bodies: size <= LARGEST ? [...bodies] : [] };
    try {
      sessionStorage.setItem(KEY, JSON.stringify(memory));
    } catch {
      // Storage is off or full: then a page that closes can only try once.
    }
  }
}

/** Forget everything. */
export function forgetTab(): void {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // Storage is off: there is nothing in it.
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
