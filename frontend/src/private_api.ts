// Stands in for @opentelemetry/api inside the bundle (build.mjs puts it there).
//
// That package is a registry for the whole page: a context that travels, parents, a global logger and meter. Our provider
// is private, its spans have no parents, and it logs nothing, so all of it would be weight (2 kB compressed) and a way
// for a page's own tracing to meet ours. What is here is what the SDK reads of it; the numbers are the specification's.

export * from "@opentelemetry/api";

export enum SpanKind {
  INTERNAL = 0,
}
export enum SpanStatusCode {
  UNSET = 0,
  OK = 1,
  ERROR = 2,
}
export enum TraceFlags {
  NONE = 0,
  SAMPLED = 1,
}
export enum SamplingDecision {
  NOT_RECORD = 0,
  RECORD = 1,
  RECORD_AND_SAMPLED = 2,
}

const nothing = (): void => {};
const root = {
  getValue: (): undefined => undefined,
  setValue: () => root,
  deleteValue: () => root,
};

export const INVALID_SPAN_CONTEXT = { traceId: "0".repeat(32), spanId: "0".repeat(16), traceFlags: TraceFlags.NONE };
export const createContextKey = (name: string): symbol => Symbol(name);
export const context = { active: () => root, with: (_context: unknown, work: () => unknown) => work() };
/** There is no span around ours. */
export const isSpanContextValid = (): boolean => false;
export const trace = {
  getSpan: nothing,
  getSpanContext: nothing,
  setSpan: () => root,
  deleteSpan: () => root,
  isSpanContextValid,
  wrapSpanContext: (spanContext: unknown) => ({ spanContext: () => spanContext, isRecording: () => false, end: nothing }),
};
export const diag = { error: nothing, warn: nothing, info: nothing, debug: nothing, verbose: nothing };

export const createNoopMeter = nothing;
