import type { ReactNode } from "react";
import { PageViews } from "./page-views";

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <PageViews />
        {children}
      </body>
    </html>
  );
}
