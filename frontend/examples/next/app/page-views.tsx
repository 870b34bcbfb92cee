"use client";

import { usePathname } from "next/navigation";
import { useEffect } from "react";
import { startTelemetry, trackPageView } from "@/lib/telemetry";

/** Record a page view for each path the router shows. */
export function PageViews() {
  const path = usePathname();
  useEffect(() => {
    let shown = true;
    void startTelemetry().then(() => {
      if (shown) trackPageView(path);
    });
    return () => {
      shown = false;
    };
  }, [path]);
  return null;
}
