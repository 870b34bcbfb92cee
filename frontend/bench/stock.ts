// The three calls on the stock web SDK and exporter, as its own documentation sets them up: the yardstick for size.
// It asks nobody for consent, knows no catalogue, and sends the path and the ids it is given.
import { trace, type Attributes } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, WebTracerProvider } from "@opentelemetry/sdk-trace-web";

export function initTelemetry(url: string, deploymentType: string): void {
  const provider = new WebTracerProvider({
    resource: resourceFromAttributes({ "service.name": "rhesis-frontend", "deployment.type": deploymentType }),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url }))],
  });
  provider.register();
}

export function trackPageView(path: string, userId?: string, organizationId?: string): void {
  record("feature.usage", { "feature.name": "page_view", "feature.action": "viewed", path }, userId, organizationId);
}

export function trackEvent(event: string, metadata: Attributes = {}, userId?: string, organizationId?: string): void {
  record("user.activity", { "event.type": event, ...metadata }, userId, organizationId);
}

export function trackFeatureUsage(
  feature: string,
  action: string,
  metadata: Attributes = {},
  userId?: string,
  organizationId?: string,
): void {
  record("feature.usage", { "feature.name": feature, "feature.action": action, ...metadata }, userId, organizationId);
}

function record(name: string, attributes: Attributes, userId?: string, organizationId?: string): void {
  const people = { ...(userId && { "user.id": userId }), ...(organizationId && { "organization.id": organizationId }) };
  trace.getTracer("stock").startSpan(name, { attributes: { ...attributes, ...people } }).end();
}
