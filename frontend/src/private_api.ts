// Stands in for @opentelemetry/api inside the bundle (build.mjs puts it there).
//
// That package is a global registry of contexts, parents, loggers and meters. Our provider is private, its spans have no
// parents, and it logs nothing. The package would only add size (2 kB compressed) and connect a page's own tracing with
// ours. This file has the parts that the SDK reads, with the specification's numbers.

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
