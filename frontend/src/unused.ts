// Stands in for parts of the SDK inside the bundle that our program never uses, though the SDK names them (bundling.mjs
// puts it there): its default sampler, its counts of its own spans, and how Node prints its objects.
const nothing = (): void => {};

export class ParentBasedSampler {}

export class TracerMetrics {
  startSpan = nothing;
}

export const inspectCustom = Symbol("unused");
export const formatInspect = nothing;
export const settledResourceAttributes = nothing;
