// Stands in for the SDK's default sampler inside the bundle (bundling.mjs puts it there): ours is always named.
export class ParentBasedSampler {}
