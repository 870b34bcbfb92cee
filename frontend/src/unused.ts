// Stands in for parts of the SDK inside the bundle that our program never uses, though the SDK names them (bundling.mjs
// puts it there): its default sampler, its counts of its own spans, how Node prints its objects, its log of errors, and
// its name for a service without one.
const nothing = (): void => {};

export class ParentBasedSampler {}

export class TracerMetrics {
  startSpan = nothing;
}

export const inspectCustom = Symbol("unused");
export const formatInspect = nothing;
export const loggingErrorHandler = () => nothing;
export const defaultServiceName = nothing;
export const settledResourceAttributes = nothing;
